"""Uploads: a file is streamed, decompressed, measured, hashed and written in pieces, so it may be larger than the memory.

The body is the file itself, or a browser's form (multipart/form-data) with one file.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import suppress

from anyio.to_thread import run_sync
from starlette.requests import Request

from app.errors import TooLarge, WrongMedia
from app.http.decompression import Decompressor, check_parquet
from app.http.form import Form
from app.services import Services
from app.storage.files import File, kind_of_upload
from miner.errors import InputError
from miner.io.atomic import Part

WRITE_BYTES = 2**20
"""Bytes that are collected before a thread writes them."""


async def receive(request: Request, services: Services) -> File:
    """Store the file of the request. It is durable when this returns."""
    _check_announced(request, services.settings.max_file_bytes)
    upload = Upload(request, services)
    part = await run_sync(services.files.begin)
    try:
        async for buffer in _chunks(request):
            await run_sync(upload.write, part, buffer)
        name, suffix = upload.finish()
        if suffix == ".parquet":
            await run_sync(check_parquet, part.temporary, *upload.limits)
        _check_digest(request, part)
        return await run_sync(services.files.finish, part, name, suffix)
    finally:
        with suppress(OSError):  # a stored file has been moved away
            part.abandon()


class Upload:
    """A body on its way into a file: without its Content-Encoding and form; the size of a compressed file is that of its content."""

    def __init__(self, request: Request, services: Services) -> None:
        media = request.headers.get("content-type", "").split(";")[0].strip().lower()
        self.limits = (services.settings.max_file_bytes, services.settings.max_ratio)
        self._body = Decompressor.of_body(request.headers.get("content-encoding", ""), *self.limits)
        self._form = Form(request.headers["content-type"]) if media == "multipart/form-data" else None
        self._kind = None if self._form else kind_of_upload(request.query_params.get("name", ""), media)
        self._content: Decompressor | None = None

    def write(self, part: Part, data: bytes) -> None:
        """Write the file's bytes in a chunk of the body. TooLarge, InputError, WrongMedia."""
        for chunk in self._body(data):
            for content in self._form(chunk) if self._form else (chunk,):
                self._measure(content)
                part.write(content)

    def finish(self) -> tuple[str, str]:
        """Name and suffix of the file. InputError where body, form or file is not complete."""
        self._body.finish()
        if self._form:
            self._form.finish()
        self._measure(b"")
        if self._content:
            self._content.finish()
        return self._kind or ("", "")

    def _measure(self, content: bytes) -> None:
        """Decompress a compressed file, to see that its content is within the limits: what reads it later reads all of it."""
        if self._kind is None and self._form:
            self._kind = kind_of_upload(self._form.name, "")
        if self._content is None and self._kind:
            self._content = Decompressor.of_file(self._kind[1], *self.limits)
        for _ in self._content(content) if self._content else ():
            pass


def _check_announced(request: Request, max_bytes: int) -> None:
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise TooLarge(f"the content is larger than the {max_bytes:,} bytes that are accepted here")


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    buffer = bytearray()
    async for chunk in request.stream():
        buffer += chunk
        if len(buffer) >= WRITE_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def _check_digest(request: Request, part: Part) -> None:
    """Check the content against the Repr-Digest (RFC 9530) that the client may send."""
    for item in request.headers.get("repr-digest", "").split(","):
        name, _, value = item.strip().partition("=")
        if name.lower() == "sha-256" and _base64_digest(value) != bytes.fromhex(part.sha256):
            raise InputError("the content does not match its Repr-Digest: it was damaged on its way")


def _base64_digest(value: str) -> bytes:
    try:
        return base64.b64decode(value.strip(":"), validate=True)
    except (binascii.Error, ValueError):
        raise WrongMedia("Repr-Digest is written sha-256=:BASE64:") from None
