"""/v1/files: immutable bytes, streamed in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.http.content import Content, headers_of
from app.requests.uploads import receive
from app.schemas import FileList, FileOut, Responses
from app.services import ServicesDep
from app.storage.files import MEDIA_TYPES

router = APIRouter(prefix="/v1/files", tags=["files"])

BYTES = {"schema": {"type": "string", "format": "binary"}}
FORM = {"schema": {"type": "object", "properties": {"file": BYTES["schema"]}, "required": ["file"]}}
BODY = {
    "requestBody": {
        "content": {"application/x-ndjson": BYTES, "text/csv": BYTES, "application/octet-stream": BYTES, "multipart/form-data": FORM},
    },
    "parameters": [
        {"name": "name", "in": "query", "schema": {"type": "string", "maxLength": 200}, "example": "corpus.jsonl", "required": False}
    ],
}
EVERY_KIND = dict.fromkeys(MEDIA_TYPES.values(), BYTES)
RESPONSES: Responses = {
    200: {"content": EVERY_KIND, "description": "The whole content."},
    206: {"content": EVERY_KIND, "description": "The range that was asked for."},
    304: {"description": "The client has it already (If-None-Match)."},
}


@router.post("", status_code=201, response_model=FileOut, openapi_extra=BODY, operation_id="create_file")
async def create_file(request: Request, response: Response, services: ServicesDep) -> FileOut:
    """Upload a file. The body is its content, `name` its name. A body with Content-Encoding gzip or zstd is decompressed."""
    file = await receive(request, services)
    response.headers["Location"] = f"/v1/files/{file.id}"
    return FileOut.of(file)


@router.get("", response_model=FileList, operation_id="list_files")
def list_files(
    services: ServicesDep, after: Annotated[str, Query(max_length=100)] = "", limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> FileList:
    """List the files, oldest first. `after` is the id of the last file of the previous page."""
    return FileList(files=[FileOut.of(file) for file in services.files.ls(after, limit)])


@router.get("/{file_id}", response_model=FileOut, operation_id="get_file")
def get_file(file_id: str, services: ServicesDep) -> FileOut:
    """Get the metadata of a file."""
    return FileOut.of(services.files.get(file_id))


@router.head("/{file_id}/content", include_in_schema=False)
@router.get("/{file_id}/content", responses=RESPONSES, response_class=Response, operation_id="get_file_content")
def get_file_content(file_id: str, request: Request, services: ServicesDep) -> Response:
    """Download a file. Range, If-Range and If-None-Match are supported; the ETag is a hash of the content."""
    file = services.files.get(file_id)
    return Content(services.files.path(file), file.bytes, file.etag, file.name, file.media, headers_of(request.headers))


@router.delete("/{file_id}", status_code=204, operation_id="delete_file")
def delete_file(file_id: str, services: ServicesDep) -> None:
    """Delete a file. 409 while an unfinished job needs it (listed in `jobs`), or a corpus was built from it."""
    services.files.remove(file_id)
