"""The file service of the documents that this project began with: FastAPI, which hashes the path and reads a file.

Each mount point is a directory of this machine; that there is a network in between is left out.
"""

import hashlib
import os

from fastapi import FastAPI, HTTPException, Response

MOUNT_POINTS = os.environ["MOUNT_POINTS"].split(":")
app = FastAPI()


def complete_path(path: str) -> str:
    number = int(hashlib.sha256(path.encode("utf-8")).hexdigest(), 16)
    return os.path.join(MOUNT_POINTS[number % len(MOUNT_POINTS)], path)


# With "def" each request would go through a pool of threads: slower, where files are in the page cache.
@app.get("/files/{path:path}")
async def read(path: str) -> Response:
    try:
        with open(complete_path(path), "rb") as file:
            return Response(file.read(), media_type="application/octet-stream")
    except FileNotFoundError as error:
        raise HTTPException(404) from error
