#!/bin/sh
# Runs Fluent Bit with the configuration that ECS writes, and without the Go plugins of the base image's own entry
# point, which take memory and do nothing here. Stopping takes more than passing SIGTERM on:
#
# - Fluent Bit stops reading at once and forgets what is between two filters. So it gets the signal some seconds late:
#   by then the last lines of the containers that stopped before it, and stack traces that might have gone on, are in
#   its buffers, which it does flush.
# - It gives up an upload that fails on the way out. So it is started again, to send what it left in its buffers, until
#   nothing is left or ECS loses patience (the container's stopTimeout).

# How much is collected for an object in S3 before compression, and how large one of several parts becomes: twice as
# much at least. The task definition reserves the memory that this takes.
case $LOG_OBJECT_SIZE in
  small) export S3_UPLOAD_CHUNK_SIZE=8M S3_TOTAL_FILE_SIZE=100M ;;
  large) export S3_UPLOAD_CHUNK_SIZE=100M S3_TOTAL_FILE_SIZE=200M ;;
  *)
    echo "LOG_OBJECT_SIZE is \"$LOG_OBJECT_SIZE\", but must be small or large" >&2
    exit 1
    ;;
esac

configuration=${1:-/fluent-bit/etc/fluent-bit.conf}
stopping=

start() {
  "${FLUENT_BIT:-/fluent-bit/bin/fluent-bit}" -c "$configuration" &
  fluent_bit=$!
}

has_unsent() {
  for file in "$BUFFER_DIRECTORY"/chunks/*/*.flb "$BUFFER_DIRECTORY"/s3/*/*:*/*; do
    if [ -e "$file" ]; then return 0; fi
  done
  return 1
}

trap 'stopping=yes; sleep "${DRAIN_SECONDS:-5}"; kill -TERM "$fluent_bit"' TERM INT

start
# A trapped signal ends `wait` early: the second has the exit status that counts.
wait "$fluent_bit"
wait "$fluent_bit"
status=$?

trap '' TERM INT
while [ -n "$stopping" ] && has_unsent; do
  start
  sleep 5
  kill -TERM "$fluent_bit"
  wait "$fluent_bit"
done
exit "$status"
