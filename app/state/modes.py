"""Who may read the data folder: its owner, or its group too where several users share a volume (HARDNEG_SHARED_DATA=group)."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import Literal

log = logging.getLogger(__name__)

Shared = Literal["no", "group"]
FOLDER_MODES: dict[Shared, int] = {"no": 0o700, "group": 0o770}


def close_to_others(shared: Shared) -> None:
    """Set the umask of this process and its children, so that other users cannot read their files."""
    os.umask(0o777 & ~FOLDER_MODES[shared])


def restrict_access(folder: Path, shared: Shared) -> None:
    """Set the mode of the data folder; if it had another one, of everything in it too (an older version, or a changed setting).

    Files of other users stay as they are; the log names one.
    """
    mode = FOLDER_MODES[shared]
    if stat.S_IMODE(folder.stat().st_mode) & 0o777 == mode:
        return
    unchanged = [] if _set_mode(folder, mode) else [folder]
    for inside, folders, files in os.walk(folder):
        unchanged += [path for path in (Path(inside, name) for name in folders) if not _set_mode(path, mode)]
        unchanged += [path for path in (Path(inside, name) for name in files) if not _set_mode(path, mode & 0o666)]
    if unchanged:
        log.warning(
            "%d files and folders cannot get the mode %03o, such as %s: they are somebody else's", len(unchanged), mode, unchanged[0]
        )


def _set_mode(path: Path, mode: int) -> bool:
    """Set the mode of a path. False: it belongs to another user. Special bits stay; links and deleted files are skipped."""
    try:
        now = path.lstat().st_mode
        if not stat.S_ISLNK(now):
            path.chmod(stat.S_IMODE(now) & ~0o777 | mode)
    except FileNotFoundError:
        return True
    except PermissionError:
        return False
    return True
