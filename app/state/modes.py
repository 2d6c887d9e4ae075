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
    """Whatever this process and its children create is closed to others, whatever the umask was."""
    os.umask(0o777 & ~FOLDER_MODES[shared])


def restrict_access(folder: Path, shared: Shared) -> None:
    """Give the data folder its mode; where it had another, all in it too: an earlier version left it open, or the setting has changed.

    What is somebody else's is used as it is, and the log says so.
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
    """Whether it has the mode now. Set-group-id and the like stay; what is gone meanwhile, or a link to somewhere else, is let be."""
    try:
        now = path.lstat().st_mode
        if not stat.S_ISLNK(now):
            path.chmod(stat.S_IMODE(now) & ~0o777 | mode)
    except FileNotFoundError:
        return True
    except PermissionError:
        return False
    return True
