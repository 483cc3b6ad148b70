# In place of AWS for Fluent Bit: curl, and this machine's Fluent Bit, where there is one, with the libraries that it has.
FROM scratch
ADD debian.tar /
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl \
    && rm --recursive /var/lib/apt/lists
COPY fluent-bit /fluent-bit
COPY libraries /usr/local/lib
RUN ldconfig
