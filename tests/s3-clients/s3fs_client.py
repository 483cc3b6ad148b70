"""What users of s3fs do, unmodified, at an S3 endpoint. Whatever is wrong is an exception.

Usage: s3fs_client.py CONFIGURATION TREE BACK
"""

import os
import sys
import urllib.request

configuration, tree, back = sys.argv[1:]
exec(configuration)

files.mkdir("my-bucket")

# A tree, there and back.
files.put(tree + "/", "my-bucket/tree/", recursive=True)
files.get("my-bucket/tree/", back, recursive=True)
local = [os.path.join(folder, name) for folder, _, names in os.walk(tree) for name in names]
found = [path.removeprefix("my-bucket/tree/") for path in files.find("my-bucket/tree")]
assert sorted(found) == sorted(os.path.relpath(path, tree) for path in local)
assert files.isdir("my-bucket/tree/deep") and not files.exists("my-bucket/tree/none")
assert files.glob("my-bucket/tree/deep/**/d") == ["my-bucket/tree/deep/a/b/c/d"]

# In parts, then at places, then longer.
data = os.urandom(12 * 2**20 + 1)
with files.open("my-bucket/written", "wb", block_size=5 * 2**20) as file:
    for begin in range(0, len(data), 2**20):
        file.write(data[begin : begin + 2**20])
with files.open("my-bucket/written", "rb") as file:
    file.seek(7 * 2**20)
    assert file.read(100) == data[7 * 2**20 : 7 * 2**20 + 100]
with files.open("my-bucket/written", "ab") as file:
    file.write(b"more")
assert files.cat("my-bucket/written") == data + b"more"

files.copy("my-bucket/written", "my-bucket/copy")
files.mv("my-bucket/copy", "my-bucket/moved é")
assert files.cat("my-bucket/moved é") == data + b"more" and not files.exists("my-bucket/copy")
assert urllib.request.urlopen(files.sign("my-bucket/moved é")).read() == data + b"more"

files.pipe({f"my-bucket/piped/{number}": b"x" * number for number in range(200)})
assert files.du("my-bucket/piped") == sum(range(200))
files.touch("my-bucket/piped/empty")
assert files.size("my-bucket/piped/empty") == 0
