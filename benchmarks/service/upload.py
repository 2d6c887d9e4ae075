"""Memory of the server while a file comes in, small and large: it must not depend on the size.

python -m benchmarks.service.upload [--model FOLDER] --megabytes 10 1000
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator

from benchmarks.inputs import arguments, model_folder
from benchmarks.record import record
from benchmarks.service.server import KEY, Server, serving

LINE = b'{"_id": "p%09d", "text": "a passage of some words, as they come"}\n'


def main() -> None:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 1000])
    given = parser.parse_args()
    with serving(model_folder(given.model), HARDNEG_JOBS_AT_ONCE="0") as server:
        server.until("/readyz")
        idle = server.memory()
        told = {f"{size} MB": grown(server, size * 10**6, idle) for size in given.megabytes}
        record({"idle_mb": round(idle / 1e6), **told}, given.out, ["uvicorn", "fastapi"])


def grown(server: Server, size: int, idle: int) -> dict[str, float]:
    """How much more than idle the server held at most, in MB, and how long it took."""
    peak, done, begin = [0], threading.Event(), time.monotonic()

    def look() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], server.memory())

    looking = threading.Thread(target=look)
    looking.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.request("POST", "/v1/files?name=big.jsonl", lines(size), {"Authorization": f"Bearer {KEY}"}, encode_chunked=True)
    assert connection.getresponse().status == 201
    done.set()
    looking.join()
    return {"grown_mb": round((peak[0] - idle) / 1e6, 1), "seconds": round(time.monotonic() - begin, 1)}


def lines(size: int) -> Iterator[bytes]:
    length = len(LINE % 0)
    for start in range(0, size // length, 2000):
        yield b"".join(LINE % number for number in range(start, min(start + 2000, size // length)))


if __name__ == "__main__":
    main()
