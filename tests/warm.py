"""Commands that start warm: a process that has imported torch once forks for every `hardneg` that a test starts.

Importing sentence-transformers takes most of the time of a short command. `command("-m", "hardneg", …)` is a small program that hands its
arguments, folder, environment, umask and standard files to that process, and ends as the fork does: with its exit code or its signal. When the small
program is killed, so is the fork. Tests of starting itself, and of kills at a random moment, start Python as a user does.
"""

from __future__ import annotations

import array
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

FORWARDED = (signal.SIGINT, signal.SIGTERM)
MODULES = {"hardneg": "hardneg.__main__", "hardneg.job": "hardneg.job"}
HEAVY = ("sentence_transformers", "datasets", "faiss", "pyarrow.parquet", "app.cli", "app.jobs.child", "miner.cli.main", "miner.train.fit")


def command(*words: object) -> list[str]:
    """The command line of Python with these words, as a fork of the warm process."""
    return [sys.executable, "-I", "-S", __file__, Warm.address(), *map(str, words)]


def folder_on_path() -> str:
    """A folder for PATH whose `hardneg` starts warm."""
    script = Path(Warm.address()).with_name("hardneg")
    if not script.exists():
        script.write_text(f'#!/bin/sh\nexec {shlex.join(command("-m", "hardneg"))} "$@"\n')
        script.chmod(0o755)
    return str(script.parent)


class Warm:
    """The warm process of this one, started when it is first needed."""

    _process: subprocess.Popen[bytes] | None = None
    _owner = 0

    @classmethod
    def address(cls) -> str:
        """The path of its socket."""
        if cls._process is None or cls._owner != os.getpid():
            cls._folder, cls._owner = tempfile.mkdtemp(prefix="warm-"), os.getpid()
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(f"{cls._folder}/socket")
            listener.listen(64)
            code = f"import sys; sys.path[:] = {sys.path!r}; import warm; warm.serve({listener.fileno()})"
            environ = {**os.environ, "OMP_NUM_THREADS": "1"}
            cls._process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, pass_fds=[listener.fileno()], env=environ, cwd="/"
            )
            listener.close()
        return f"{cls._folder}/socket"


# The warm process --------------------------------------------------------------------------------------------------------------------


def serve(number: int) -> None:
    """Fork for every connection until stdin ends."""
    import importlib
    import select

    for name in (*MODULES.values(), *HEAVY):
        importlib.import_module(name)
    listener = socket.socket(fileno=number)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener, 0], [], [])
        if 0 in ready:
            os._exit(0)
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _supervise(connection)
        connection.close()


def _supervise(connection: socket.socket) -> None:
    """Fork the command, pass signals on to it, and send its end."""
    import select

    text, files, _, _ = socket.recv_fds(connection, 2**20, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(2**20)
    if (child := os.fork()) == 0:
        connection.close()
        _become(json.loads(text), files)
    for each in files:
        os.close(each)
    ended = os.pidfd_open(child)
    while True:
        ready, _, _ = select.select([ended, connection], [], [])
        if ended in ready:
            with suppress(OSError):  # the small program was killed at this moment
                connection.sendall(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
            os._exit(0)
        numbers = connection.recv(16)
        for each in numbers or bytes([signal.SIGKILL]):
            os.kill(child, each)
        if not numbers:
            os._exit(0)


def _become(task: dict[str, object], files: list[int]) -> None:
    """Be Python with these words: its folder, environment, standard streams, and end."""
    import atexit
    import importlib
    import threading

    for number, each in enumerate(files):
        os.dup2(each, number)
    os.closerange(3, max(64, *files) + 1)
    os.environ.clear()
    os.environ.update(task["environ"])
    os.chdir(task["folder"])
    os.umask(task["umask"])
    tempfile.tempdir = None
    sys.stdin, sys.stdout, sys.stderr = (open(n, "r" if n == 0 else "w", encoding="utf-8", closefd=False) for n in range(3))  # noqa: SIM115
    sys.stderr.reconfigure(line_buffering=True)
    kind, name, *words = task["words"]
    status = 1
    try:
        sys.argv = [name, *words]
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as for `python -m`
        if kind == "-c":
            exec(compile(name, "<string>", "exec"), {"__name__": "__main__"})
        else:
            importlib.import_module(MODULES[name]).main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
    except BaseException:  # noqa: BLE001 - as the interpreter shows it
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                status = status or 120
        os._exit(status)


# The small program -------------------------------------------------------------------------------------------------------------------


def main() -> None:
    """Hand everything over, pass signals on, end as the fork does."""
    address, *words = sys.argv[1:]
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    os.umask(umask := os.umask(0))
    task = {"words": words, "folder": os.getcwd(), "environ": dict(os.environ), "umask": umask}  # noqa: PTH109
    text = json.dumps(task).encode() + b"\n"
    for number in FORWARDED:
        signal.signal(number, lambda each, _: connection.sendall(bytes([each])))
    sent = connection.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
    connection.sendall(text[sent:])
    status = int(connection.recv(16) or 1)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    main()
