"""A file on its way in: streamed, unpacked, hashed and written piece by piece, whatever its size; never held in memory.

The body is the file itself; a browser's form (multipart/form-data) with one file is taken too.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from anyio.to_thread import run_sync
from starlette.requests import Request

from app.errors import TooLarge, WrongMedia
from app.http.decompression import Unpacked
from app.http.form import Form
from app.services import Desk
from app.storage.files import File, kind_of_upload
from miner.errors import InputError
from miner.io.atomic import Part

HELD = 2**20
"""Bytes that are collected before they are handed to the thread that writes."""


async def receive(request: Request, at: Desk) -> File:
    """The file that the request brings. When this returns, it is durable."""
    limits = at.settings
    _check_announced(request, limits.max_file_bytes)
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    unpacked = Unpacked(request.headers.get("content-encoding", ""), limits.max_file_bytes, limits.max_ratio)
    form = Form(request.headers["content-type"]) if media == "multipart/form-data" else None
    if form is None:
        name, suffix = kind_of_upload(request.query_params.get("name", ""), media)
    part = await run_sync(at.files.begin)
    try:
        async for held in _held(request):
            await run_sync(_write, part, unpacked, form, held)
        unpacked.finish()
        if form is not None:
            name, suffix = kind_of_upload(form.finish(), "")
        _check_digest(request, part)
        return await run_sync(at.files.finish, part, name, suffix)
    finally:
        with suppress(OSError):  # a file that is kept has left this place
            part.abandon()


def _check_announced(request: Request, most: int) -> None:
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > most:
        raise TooLarge(f"the content is larger than the {most:,} bytes that are accepted here")


async def _held(request: Request) -> AsyncIterator[bytes]:
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) >= HELD:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def _write(part: Part, unpacked: Unpacked, form: Form | None, data: bytes) -> None:
    for piece in unpacked(data):
        for content in form(piece) if form is not None else _one(piece):
            part.write(content)


def _one(piece: bytes) -> Iterator[bytes]:
    yield piece


def _check_digest(request: Request, part: Part) -> None:
    """Repr-Digest (RFC 9530), when the client sends one. Of a form it would be the digest of the form, which nobody knows."""
    for item in request.headers.get("repr-digest", "").split(","):
        name, _, value = item.strip().partition("=")
        if name.lower() == "sha-256" and _decoded(value) != bytes.fromhex(part.sha256):
            raise InputError("the content does not match its Repr-Digest: it was damaged on its way")


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value.strip(":"), validate=True)
    except (binascii.Error, ValueError):
        raise WrongMedia("Repr-Digest is written sha-256=:BASE64:") from None
