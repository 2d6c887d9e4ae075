"""The socket is never out of descriptors: what it has none for is closed at once, in one line of the log."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.http.listener import connections_for, listeners
from miner.errors import StorageError

FULL = """
import asyncio, logging, os, resource, socket, sys
sys.path.insert(0, sys.argv[1])
from app.http.listener import Listener, raise_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (50, 64))
assert raise_descriptors() == 64
logging.basicConfig(format="%(name)s %(message)s")

async def main():
    listener = Listener(socket.AF_INET, ("127.0.0.1", 0))
    clients, seen = [], []
    server = await asyncio.start_server(lambda *pair: seen.append(pair), sock=listener, backlog=32)
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(30)]
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CLIENT, str(listener.getsockname()[1]), stdout=-1)
    said = await child.stdout.readline()
    for one in held:
        os.close(one)
    await asyncio.sleep(0.1)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    await asyncio.sleep(0.1)
    print(said.decode().strip(), len(seen) < 40, len(seen) > 5)
    os._exit(0)

CLIENT = '''
import socket, sys, time
ones = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5) for _ in range(60)]
gone = 0
time.sleep(0.5)
for one in ones:
    one.settimeout(0)
    try:
        gone += one.recv(1) == b""
    except ConnectionResetError:
        gone += 1
    except BlockingIOError:
        pass
print(gone > 30, flush=True)
sys.stdin.read()
'''
asyncio.run(main())
"""


def test_none_left(tmp_path):
    """Sixty connections to a process that may open 64 files: most are closed, one line is written, and it goes on afterwards."""
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(Path(__file__).parents[2])], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert ended.stdout.strip() == "True True True", ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "no file descriptor is left" in ended.stderr


@pytest.mark.parametrize(("descriptors", "connections"), [(65_536, 1024), (1024, 448), (256, 64), (64, 8)])
def test_connections_leave_room_for_files(descriptors, connections):
    assert connections_for(descriptors, 1024) == connections


def test_an_address_that_cannot_be_had_is_one_sentence():
    (taken,) = listeners("127.0.0.1", 0)
    taken.listen()
    with taken, pytest.raises(StorageError, match=r"cannot listen on 127.0.0.1:\d+: address already in use"):
        listeners("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(StorageError, match="cannot listen on no-such-host"):
        listeners("no-such-host.invalid", 0)
