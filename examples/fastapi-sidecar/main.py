"""Documents on Amazon EFS, through the router beside this application.

Single documents go through the router's file API, with httpx: streamed, and appended to. What works on many of them goes
through its S3 API, with s3fs, as pandas, DuckDB and Dask use it. Both are the same files.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import quote

import botocore.session
import httpx
import s3fs
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

# A directory of the file system to the file API, a bucket to the S3 API.
BUCKET = "documents"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with httpx.AsyncClient(base_url=f"{os.environ['FILES_URL']}/files/{BUCKET}/", timeout=30) as files:
        app.state.files = files
        app.state.s3 = connect_s3()
        app.state.s3.makedirs(BUCKET, exist_ok=True)
        yield


def connect_s3() -> s3fs.S3FileSystem:
    region = os.environ["AWS_REGION"]
    secrets = botocore.session.get_session().create_client("secretsmanager", region_name=region)
    secret = secrets.get_secret_value(SecretId=os.environ["S3_ACCESS_KEYS_SECRET_ID"])["SecretString"]
    access_key = json.loads(secret)["accessKeys"][0]
    return s3fs.S3FileSystem(
        endpoint_url=os.environ["S3_URL"],
        key=access_key["accessKeyId"],
        secret=access_key["secretAccessKey"],
        client_kwargs={"region_name": region},
        config_kwargs={"s3": {"addressing_style": "path"}},
        # Other tasks write, too.
        use_listings_cache=False,
    )


app = FastAPI(title="Documents", lifespan=lifespan)


def document_key(key: str) -> str:
    """The document's path in the bucket. It never leads out of the bucket."""
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise HTTPException(400, "A document's name has no empty part, and none that is . or ..")
    return key


Key = Annotated[str, Depends(document_key)]


async def ask(request: Request, method: str, key: str, **options) -> httpx.Response:
    """The router's response, whose body is not read yet."""
    files: httpx.AsyncClient = request.app.state.files
    try:
        response = await files.send(files.build_request(method, quote(key), **options), stream=True)
    except httpx.TransportError as error:
        raise HTTPException(503, "The files cannot be reached") from error
    if response.is_success:
        return response
    await response.aread()
    await response.aclose()
    # Its body says what is wrong, in application/problem+json.
    raise HTTPException(response.status_code, response.json().get("detail"))


@app.put("/documents/{key:path}")
async def write(request: Request, key: Key) -> Response:
    """Replaces the document whole, or not at all. It may be larger than this task's memory."""
    response = await ask(request, "PUT", key, content=request.stream())
    await response.aclose()
    return Response(status_code=response.status_code, headers={"etag": response.headers["etag"]})


@app.post("/documents/{key:path}")
async def append(request: Request, key: Key) -> Response:
    """Appends to the document. Of many that append at once, nothing is lost or mixed up."""
    response = await ask(request, "POST", key, params="append", content=await request.body())
    await response.aclose()
    return Response(status_code=response.status_code)


@app.get("/documents/{key:path}")
async def read(request: Request, key: Key) -> StreamingResponse:
    response = await ask(request, "GET", key)
    headers = {name: response.headers[name] for name in ("content-length", "content-type", "etag")}
    return StreamingResponse(response.aiter_raw(), headers=headers, background=BackgroundTask(response.aclose))


# Not `async`: s3fs blocks, so FastAPI calls it in a thread.
@app.get("/documents")
def list_documents(request: Request, prefix: str = "") -> list[dict[str, str | int]]:
    s3: s3fs.S3FileSystem = request.app.state.s3
    found = s3.find(BUCKET, prefix=prefix, detail=True)
    return [{"name": path.removeprefix(f"{BUCKET}/"), "size": entry["size"]} for path, entry in found.items()]


@app.post("/summary")
def summarize(request: Request) -> dict[str, int]:
    """Counts the lines of every document, and keeps the result as a document of its own."""
    s3: s3fs.S3FileSystem = request.app.state.s3
    lines = {}
    for path in s3.find(BUCKET):
        with s3.open(path, "rb") as document:
            lines[path.removeprefix(f"{BUCKET}/")] = sum(1 for _ in document)
    s3.pipe_file(f"{BUCKET}/summary.json", json.dumps(lines).encode())
    return lines
