"""The one place where a body is read: announced as JSON, not too long, decoded strictly, of the right shape, within the limits.

orjson refuses what Python's own reader lets through: NaN, infinity, half characters, endless nesting.
"""

from __future__ import annotations

from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from app.errors import NotJson, TooLarge, WrongFields, WrongMedia
from app.schemas import MineRequest, check_limits
from app.settings import Settings
from miner.errors import with_settings
from miner.support.json_depth import depth_fault
from miner.support.json_keys import key_fault
from miner.support.unknown_names import SETTING, similar_name

POINTER_CHARS = 100
UNKNOWN = "extra_forbidden"
"""Pydantic's name of the fault that a field does not exist."""
Shape = TypeVar("Shape")
MINE_REQUEST = TypeAdapter(MineRequest)


async def mine_request(request: Request) -> MineRequest:
    """The decoded body of POST /v1/mine."""
    body = validated(MINE_REQUEST, await json_body(request))
    check_limits(body, request.app.state.settings)
    return body


async def json_body(request: Request) -> Any:
    """The decoded body of a request. NotJson, WrongMedia or TooLarge say what is wrong."""
    body = await _whole(request, "application/json")
    try:
        loaded = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJson(f"the body is not JSON: {depth_fault(body) or error.msg}") from None
    if isinstance(loaded, dict) and (fault := key_fault(body, loaded)):
        raise NotJson(f"the body cannot be read: {fault}")
    return loaded


async def lines_body(request: Request) -> bytes:
    """The body of a request whose lines are JSON, undecoded. WrongMedia or TooLarge say what is wrong."""
    return await _whole(request, "application/x-ndjson")


def validated(shape: TypeAdapter[Shape], loaded: Any) -> Shape:
    """What was decoded, in its shape. WrongFields or the library's ConfigError say what is wrong."""
    try:
        return shape.validate_python(loaded)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        names = _field_names(shape) if any(fault["type"] == UNKNOWN for fault in faults) else []
        raise WrongFields([{"pointer": _pointer(fault["loc"]), "detail": _detail(fault, names)} for fault in faults]) from None


def _detail(fault: ErrorDetails, names: list[str]) -> str:
    """What is wrong with a field; of one that does not exist, also the one that was meant."""
    name = str(fault["loc"][-1]) if fault["type"] == UNKNOWN else ""
    near = similar_name(SETTING, name, names) if name and name not in names else ""
    message = fault["msg"].removeprefix("Value error, ")
    return f"{message}; did you mean {with_settings(near)}?" if near else message


def _field_names(shape: TypeAdapter[Any]) -> list[str]:
    """The names of all fields that a body of this shape may hold, at any depth."""
    schema = shape.json_schema()
    objects = [schema, *schema.get("$defs", {}).values()]
    return list(dict.fromkeys(name for each in objects for name in each.get("properties", ())))


async def _whole(request: Request, media: str) -> bytes:
    settings: Settings = request.app.state.settings
    _check_media(request, media)
    return await _read(request, settings.max_body_bytes)


def _check_media(request: Request, body: str) -> None:
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != body:
        raise WrongMedia(f"the request needs the header Content-Type: {body}")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise WrongMedia("the body must not be compressed (Content-Encoding)")


async def _read(request: Request, max_bytes: int) -> bytes:
    """The body; what is announced or turns out to be longer than `max_bytes` is refused."""
    announced = request.headers.get("content-length", "0")
    too_large = TooLarge(f"the body is larger than the {max_bytes:,} bytes that are accepted here")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def _pointer(places: tuple[int | str, ...]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(place)[:POINTER_CHARS].replace("~", "~0").replace("/", "~1") for place in places)
