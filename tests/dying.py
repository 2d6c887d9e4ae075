"""Processes that die at a moment of writing, as by kill -9 or a power cut."""

import os
import shutil
import subprocess
import traceback
from pathlib import Path

import warm


def dies_at(number, run):
    """Run in a fork that ends without a word at the n-th moment of writing; whether it came to its end before. What it raises is a failure."""
    if pid := os.fork():
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status in (0, 9), f"at moment {number} it did not die but raised: see above"
        return status == 0
    try:
        moments = 0

        def watched(call):
            def count(*args, **more):
                nonlocal moments
                moments += 1
                if moments == number:
                    os._exit(9)
                return call(*args, **more)

            return count

        os.fsync, shutil.rmtree = watched(os.fsync), watched(shutil.rmtree)
        for name in ("rename", "replace", "unlink", "mkdir"):
            setattr(Path, name, watched(getattr(Path, name)))
        plain, counted = Path.open, watched(Path.open)
        notes = {".half", ".json", ".md", ".part"}  # small files, written at once

        def opened(path, mode="r", *args, **more):
            return (counted if mode[0] == "w" and path.suffix in notes else plain)(path, mode, *args, **more)

        Path.open = opened
        run()
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the fork says what it was, and ends
        traceback.print_exc()
    finally:
        os._exit(1)


def apart(function, *args):
    """Call a test module's function with paths and numbers in a new process: one that has had threads cannot be forked and compute on."""
    words = ", ".join(f"Path({str(each)!r})" if isinstance(each, Path) else repr(each) for each in args)
    code = f"from pathlib import Path; import {function.__module__} as tests; tests.{function.__name__}({words})"
    done = subprocess.run(warm.command("-c", code), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
