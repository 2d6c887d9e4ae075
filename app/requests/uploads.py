"""Uploads: a file is streamed, decompressed, hashed and written in pieces, so it may be larger than the memory.

The body is the file itself, or a browser's form (multipart/form-data) with one file.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from anyio.to_thread import run_sync
from starlette.requests import Request

from app.errors import TooLarge, WrongMedia
from app.http.decompression import Decompressor
from app.http.form import Form
from app.services import Services
from app.storage.files import File, kind_of_upload
from miner.errors import InputError
from miner.io.atomic import Part

WRITE_BYTES = 2**20
"""Bytes that are collected before a thread writes them."""


async def receive(request: Request, services: Services) -> File:
    """Store the file of the request. It is durable when this returns."""
    limits = services.settings
    _check_announced(request, limits.max_file_bytes)
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    decompress = Decompressor(request.headers.get("content-encoding", ""), limits.max_file_bytes, limits.max_ratio)
    form = Form(request.headers["content-type"]) if media == "multipart/form-data" else None
    if form is None:
        name, suffix = kind_of_upload(request.query_params.get("name", ""), media)
    part = await run_sync(services.files.begin)
    try:
        async for buffer in _chunks(request):
            await run_sync(_write, part, decompress, form, buffer)
        decompress.finish()
        if form is not None:
            name, suffix = kind_of_upload(form.finish(), "")
        _check_digest(request, part)
        return await run_sync(services.files.finish, part, name, suffix)
    finally:
        with suppress(OSError):  # a stored file has been moved away
            part.abandon()


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


def _write(part: Part, decompress: Decompressor, form: Form | None, data: bytes) -> None:
    for chunk in decompress(data):
        for content in form(chunk) if form is not None else _whole(chunk):
            part.write(content)


def _whole(chunk: bytes) -> Iterator[bytes]:
    yield chunk


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
