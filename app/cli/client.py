"""A client of the service, of nothing but the standard library: what `hardneg files | corpora | jobs --url …` call.

A download that breaks goes on where it broke (Range and If-Range with the content's ETag) and is compared with its hash at the end.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from miner.errors import ConfigError, HardnegError
from miner.io.atomic import storing, sync_folder

PIECE = 2**18
TRIES = 5


class RemoteError(HardnegError):
    """The service refused, or cannot be reached. `status` is 0 when there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


class Client:
    """One service, one key."""

    def __init__(self, url: str, key: str | None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ConfigError(f"--url is http://host:port or https://…, not '{url}'")
        self._url, self._headers = url.rstrip("/"), {"Authorization": f"Bearer {key}"} if key else {}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request with a JSON answer (None where it is empty). RemoteError says what the service said."""
        data = None if body is None else json.dumps(body).encode()
        media = {} if body is None else {"Content-Type": "application/json"}
        with self._open(method, path, data, {**media, **headers}) as answer:
            try:
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                raise self._broken(error) from None
        return json.loads(content) if content else None

    def upload(self, file: Path, name: str | None = None) -> Any:
        """Send a file, streamed; what the service has is compared with what was sent."""
        digest = hashlib.sha256()
        with storing(file, "read"):
            size = file.stat().st_size
            with file.open("rb") as source:
                query = urllib.parse.urlencode({"name": name or file.name})
                headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
                with self._open("POST", f"/v1/files?{query}", _pieces(source, digest), headers) as answer:
                    made = json.loads(answer.read())
        if made["sha256"] != digest.hexdigest():
            raise RemoteError("the file was damaged on its way: its hash differs; send it again")
        return made

    def download(self, file_id: str, target: Path) -> Any:
        """A file's content to `target`, going on where an earlier attempt broke off. The hash is checked before it gets its name."""
        about = self.call("GET", f"/v1/files/{urllib.parse.quote(file_id, safe='')}")
        part = target.with_name(f".{target.name}.{about['sha256'][:16]}.part")
        with storing(target):
            for attempt in range(TRIES):
                if self._fetched(about, part):
                    break
                time.sleep(min(2**attempt / 4, 5))
            have = part.stat().st_size if part.exists() else 0
            if have != about["bytes"]:
                raise RemoteError(f"the download broke off {TRIES} times; the same command goes on from {have:,} bytes")
            with part.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != about["sha256"]:
                part.unlink()
                raise RemoteError("what was downloaded is damaged: its hash differs; download it again")
            part.replace(target)
            sync_folder(target.parent)
        return about

    def events(self, job_id: str, seen: int = 0) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """What happens to a job, each event once, over broken connections and restarts of the service."""
        failures = 0
        while True:
            try:
                for number, kind, data in self._stream(job_id, seen):
                    seen, failures = number, 0
                    yield number, kind, data
                if self.call("GET", f"/v1/jobs/{job_id}")["state"] not in ("queued", "running", "cancelling"):
                    return
            except (RemoteError, OSError, http.client.HTTPException) as error:
                failures += 1
                if (isinstance(error, RemoteError) and 400 <= error.status < 500) or failures > TRIES * 4:
                    raise
                time.sleep(0.5)

    def _stream(self, job_id: str, seen: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
        with self._open("GET", f"/v1/jobs/{job_id}/events", None, {"Last-Event-ID": str(seen)}) as answer:
            block: dict[str, str] = {}
            for line in answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                block |= {name: value} if value else {}
                if not name and "data" in block:
                    yield int(block["id"]), block["event"], json.loads(block["data"])
                    block = {}

    def _fetched(self, about: dict[str, Any], part: Path) -> bool:
        """One attempt to get what is missing; whether all of it is there."""
        have = part.stat().st_size if part.exists() else 0
        if have == about["bytes"]:
            part.touch()
            return True
        headers = {"Range": f"bytes={have}-", "If-Range": f'"{about["sha256"]}"'} if have else {}
        try:
            answer = self._open("GET", f"/v1/files/{about['id']}/content", None, headers)
        except RemoteError as error:
            if 0 < error.status < 500:
                raise
            return False
        with answer, part.open("ab") as file:
            if answer.status != 206:
                file.truncate(0)
            for piece in _arriving(answer):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        return bool(part.stat().st_size == about["bytes"])

    def _open(self, method: str, path: str, data: Any, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(self._url + path, data, {**self._headers, **headers}, method=method)  # noqa: S310 - checked above
        try:
            return urllib.request.urlopen(request, timeout=90)  # noqa: S310 - http or https, checked above
        except urllib.error.HTTPError as error:
            raise RemoteError(_said(error), error.code) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> RemoteError:
        said = getattr(error, "reason", None) or str(error) or type(error).__name__
        return RemoteError(f"{self._url} cannot be reached: {said}")


def _said(error: urllib.error.HTTPError) -> str:
    """The sentence of a problem document."""
    try:
        return f"{error.code}: {json.loads(error.read())['detail']}"
    except (ValueError, KeyError, OSError):
        return f"{error.code} {error.reason}"


def _arriving(answer: Any) -> Iterator[bytes]:
    """What comes in until the connection ends, well or not."""
    try:
        while piece := answer.read(PIECE):
            yield piece
    except (OSError, http.client.HTTPException):
        return


def _pieces(source: Any, digest: Any) -> Iterator[bytes]:
    while piece := source.read(PIECE):
        digest.update(piece)
        yield piece
