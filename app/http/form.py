"""A streaming parser for a browser's form with one file, over python-multipart: it yields the file's bytes and buffers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import WrongMedia
from miner.errors import InputError

MAX_HEADER_BYTES = 8192


class Form:
    """Chunks of the body in, chunks of its file out."""

    def __init__(self, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:
            raise WrongMedia("multipart/form-data without a boundary")
        self._name: str | None = None
        self._out: list[bytes] = []
        self._field, self._value, self._is_file, self._ended = bytearray(), bytearray(), False, False
        self._parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]  # its TypedDict wants every callback

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        """The bytes of the file in a chunk of the body."""
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise InputError("the body is no multipart/form-data, or is damaged") from None
        out, self._out = self._out, []
        yield from out

    def finish(self) -> None:
        """InputError when the form is incomplete."""
        if not self._ended:
            raise InputError("the form ends too early")

    @property
    def name(self) -> str:
        """The file's name. InputError when the form has no file."""
        if self._name is None:
            raise InputError("the form has no file")
        return self._name.replace("\\", "/").rpartition("/")[2]  # some browsers send a whole path

    def _callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._part,
            "on_header_field": lambda data, start, end: self._header(self._field, data[start:end]),
            "on_header_value": lambda data, start, end: self._header(self._value, data[start:end]),
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _part(self) -> None:
        self._is_file = False

    def _header(self, into: bytearray, data: bytes) -> None:
        into += data
        if len(into) > MAX_HEADER_BYTES:
            raise InputError("a header of the form is too long")

    def _header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            if b"filename" in options:
                if self._name is not None:
                    raise InputError("the form has more than one file: send one at a time")
                self._name, self._is_file = options[b"filename"].decode("utf-8", "replace"), True
        self._field.clear()
        self._value.clear()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._out.append(data[start:end])

    def _end(self) -> None:
        self._ended = True
