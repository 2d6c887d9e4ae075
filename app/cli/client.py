"""A client of the service over the standard library only, for `hardneg files | corpora | jobs --url …`.

A broken download is resumed (Range and If-Range with the ETag of the content), and its hash is checked at the end.
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
from miner.io.atomic import sha256_of, storing, sync_folder
from miner.io.folder_tree import remove, rename, touch
from miner.io.plain_files import append_file, open_bytes

CHUNK_BYTES = 2**18
MAX_ATTEMPTS = 5

JsonObject = dict[str, Any]
"""An object that the service answers."""


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
        """Send a request. Return the decoded JSON answer, or None where it is empty. RemoteError holds the detail of a problem document."""
        data = None if body is None else json.dumps(body).encode()
        media = {} if body is None else {"Content-Type": "application/json"}
        with self._open(method, path, data, {**media, **headers}) as answer:
            try:
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                raise self._unreachable(error) from None
        return json.loads(content) if content else None

    def upload(self, file: Path, name: str | None = None) -> Any:
        """Upload a file in chunks, and compare the hash that the service reports."""
        digest = hashlib.sha256()
        with storing(file, "read"):
            size = file.stat().st_size
            with open_bytes(file) as source:
                query = urllib.parse.urlencode({"name": name or file.name})
                headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
                with self._open("POST", f"/v1/files?{query}", _hash_chunks(source, digest), headers) as answer:
                    file_info = json.loads(answer.read())
        if file_info["sha256"] != digest.hexdigest():
            raise RemoteError("the file was damaged on its way: its hash differs; send it again")
        return file_info

    def download(self, file_id: str, target: Path) -> Any:
        """Download a file to `target`, resuming an earlier attempt. The hash is checked before the file gets its name."""
        file_info = self.call("GET", f"/v1/files/{urllib.parse.quote(file_id, safe='')}")
        part = target.with_name(f".{target.name}.{file_info['sha256'][:16]}.part")
        with storing(target):
            for attempt in range(MAX_ATTEMPTS):
                if self._fetch_rest(file_info, part):
                    break
                time.sleep(min(2**attempt / 4, 5))
            received = part.stat().st_size if part.exists() else 0
            if received != file_info["bytes"]:
                raise RemoteError(f"the download broke off {MAX_ATTEMPTS} times; the same command resumes from {received:,} bytes")
            if sha256_of(part) != file_info["sha256"]:
                remove(part)
                raise RemoteError("what was downloaded is damaged: its hash differs; download it again")
            rename(part, target)
            sync_folder(target.parent)
        return file_info

    def events(self, job_id: str, last_seen: int = 0) -> Iterator[tuple[int, str, JsonObject]]:
        """The events of a job (number, kind, data), each once, over broken connections and restarts of the service."""
        failures = 0
        while True:
            try:
                for number, kind, data in self._stream(job_id, last_seen):
                    last_seen, failures = number, 0
                    yield number, kind, data
                if self.call("GET", f"/v1/jobs/{job_id}")["state"] not in ("queued", "running", "cancelling"):
                    return
            except (RemoteError, OSError, http.client.HTTPException) as error:
                failures += 1
                if (isinstance(error, RemoteError) and 400 <= error.status < 500) or failures > MAX_ATTEMPTS * 4:
                    raise
                time.sleep(0.5)

    def _stream(self, job_id: str, last_seen: int) -> Iterator[tuple[int, str, JsonObject]]:
        with self._open("GET", f"/v1/jobs/{job_id}/events", None, {"Last-Event-ID": str(last_seen)}) as answer:
            block: dict[str, str] = {}
            for line in answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                block |= {name: value} if value else {}
                if not name and "data" in block:
                    yield int(block["id"]), block["event"], json.loads(block["data"])
                    block = {}

    def _fetch_rest(self, file_info: JsonObject, part: Path) -> bool:
        """Try to download the missing bytes. Return whether the file is complete."""
        received = part.stat().st_size if part.exists() else 0
        if received == file_info["bytes"]:
            touch(part)
            return True
        headers = {"Range": f"bytes={received}-", "If-Range": f'"{file_info["sha256"]}"'} if received else {}
        try:
            answer = self._open("GET", f"/v1/files/{file_info['id']}/content", None, headers)
        except RemoteError as error:
            if 0 < error.status < 500:
                raise
            return False
        with answer, append_file(part) as file:
            if answer.status != 206:
                file.truncate(0)
            for chunk in _read_chunks(answer):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        return bool(part.stat().st_size == file_info["bytes"])

    def _open(self, method: str, path: str, data: Any, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(self._url + path, data, {**self._headers, **headers}, method=method)  # noqa: S310 - checked above
        try:
            return urllib.request.urlopen(request, timeout=90)  # noqa: S310 - http or https, checked above
        except urllib.error.HTTPError as error:
            raise RemoteError(_problem_detail(error), error.code) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> RemoteError:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        return RemoteError(f"{self._url} cannot be reached: {reason}")


def _problem_detail(error: urllib.error.HTTPError) -> str:
    """The status and the detail of a problem document."""
    try:
        return f"{error.code}: {json.loads(error.read())['detail']}"
    except (ValueError, KeyError, OSError):
        return f"{error.code} {error.reason}"


def _read_chunks(answer: Any) -> Iterator[bytes]:
    """The chunks of an answer until the connection ends or breaks."""
    try:
        while chunk := answer.read(CHUNK_BYTES):
            yield chunk
    except (OSError, http.client.HTTPException):
        return


def _hash_chunks(source: Any, digest: Any) -> Iterator[bytes]:
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        yield chunk
