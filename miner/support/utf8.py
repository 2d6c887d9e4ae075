"""Text that is no UTF-8: where, and how to make it UTF-8. Imports nothing of ours."""

from __future__ import annotations

REMEDY = "if the file is Windows-1252 or Latin-1, `iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW` makes it UTF-8"


def utf8_fault(error: UnicodeDecodeError) -> str:
    """Return what is wrong with a line: the first byte that is no UTF-8, counted from 1, and the remedy."""
    return f"invalid UTF-8 at byte {error.start + 1} (0x{error.object[error.start]:02x}); {REMEDY}"


def fault_in(line: bytes) -> str | None:
    """Return what is wrong with a line that is no UTF-8; None for one that is."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return utf8_fault(error)
    return None
