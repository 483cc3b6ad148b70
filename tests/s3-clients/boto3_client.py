"""What users of boto3 do, unmodified, at an S3 endpoint. Prints one line of JSON; whatever is wrong is an exception.

Usage: boto3_client.py CONFIGURATION BUCKET OBJECTS
"""

import io
import json
import os
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

configuration, bucket, objects = sys.argv[1:]
exec(configuration)
client = s3


def code_of(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


client.create_bucket(Bucket=bucket)

# Odd names, no bytes, and a few bytes.
keys = ["plain", "a b", "a+b", "100%", "é/ü", "日本/語.txt", "quote'\"", "&<>", "a-b", "a/b", "dir/", " ", "~!*()"]
for key in keys:
    client.put_object(Bucket=bucket, Key=key, Body=b"" if key.endswith("/") else key.encode())
for key in keys:
    got = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert got == (b"" if key.endswith("/") else key.encode()), key
pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3})
listed = [entry["Key"] for page in pages for entry in page["Contents"]]
assert listed == sorted(keys, key=lambda key: key.encode()), listed
first_version = [entry["Key"] for entry in client.list_objects(Bucket=bucket)["Contents"]]
assert first_version == listed

# The transfer manager, in parts and in one.
config = TransferConfig(multipart_threshold=6 * 2**20, multipart_chunksize=5 * 2**20, max_concurrency=4)
for size in [0, 1, 5 * 2**20, 16 * 2**20 + 1]:
    data = os.urandom(size)
    client.upload_fileobj(io.BytesIO(data), bucket, "transfer", ExtraArgs={"Metadata": {"size": str(size)}}, Config=config)
    received = io.BytesIO()
    client.download_fileobj(bucket, "transfer", received, Config=config)
    assert received.getvalue() == data, size
    assert client.head_object(Bucket=bucket, Key="transfer")["Metadata"] == {"size": str(size)}
client.copy({"Bucket": bucket, "Key": "transfer"}, bucket, "transfer-copy", Config=config)
assert client.get_object(Bucket=bucket, Key="transfer-copy")["Body"].read() == data

# Every checksum that botocore computes without further packages.
for algorithm in ["CRC32", "SHA1", "SHA256"]:
    client.put_object(Bucket=bucket, Key="checksum", Body=b"hello", ChecksumAlgorithm=algorithm)
    head = client.head_object(Bucket=bucket, Key="checksum", ChecksumMode="ENABLED")
    assert head["Checksum" + algorithm], head

# Presigned URLs.
url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "signed é"}, ExpiresIn=60)
urllib.request.urlopen(urllib.request.Request(url, data=b"by url", method="PUT")).read()
url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "signed é"}, ExpiresIn=60)
assert urllib.request.urlopen(url).read() == b"by url"

errors = {
    "missing key": code_of(lambda: client.get_object(Bucket=bucket, Key="none")),
    "missing bucket": code_of(lambda: client.list_objects_v2(Bucket="no-such-bucket")),
    "not empty": code_of(lambda: client.delete_bucket(Bucket=bucket)),
    "exists": code_of(lambda: client.put_object(Bucket=bucket, Key="plain", Body=b"", IfNoneMatch="*")),
    "not implemented": code_of(lambda: client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})),
}

# Many at once, and then all that there is. The AWS CLI's profile holds here, too.
with ThreadPoolExecutor(10) as pool:
    put = lambda number: client.put_object(Bucket=bucket, Key=f"many/{number % 10}/{number}", Body=b"x")
    assert len(list(pool.map(put, range(int(objects))))) == int(objects)
everything = boto3.Session(profile_name="efs").resource("s3").Bucket(bucket).objects
assert len(list(everything.filter(Prefix="many/"))) == int(objects)
everything.all().delete()
assert "Contents" not in client.list_objects_v2(Bucket=bucket)
client.delete_bucket(Bucket=bucket)
print(json.dumps(errors))
