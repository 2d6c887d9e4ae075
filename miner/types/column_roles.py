"""What the columns of the files were read as, in words: {file: {column: role}}, a role being query, positive, negative, id, grade …"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath

ColumnRoles = Mapping[str, Mapping[str, str]]

OTHER = "other"
"""The role of a column that is none of ours: it is kept, and nothing more."""
JUDGING = ("score", "scores", "grade", "grades", "label", "labels", "relevance", "rel")
"""Names that a column of judgements may have, or one of anything else."""
MAX_LISTED_COLUMNS = 6
"""Columns of one role that are named."""


def columns_line(columns: ColumnRoles) -> str:
    """`faq.csv (question → query, answer → positive; other: date)`: files that were read alike are named together."""
    alike: dict[str, list[str]] = {}
    for file, roles in columns.items():
        alike.setdefault(_roles(roles), []).append(PurePath(file).name)
    descriptions = (f"{files[0]}{f' and {len(files) - 1} more' if files[1:] else ''} ({roles})" for roles, files in alike.items())
    return ", ".join(descriptions)


def unread_judgements(columns: ColumnRoles) -> Iterator[str]:
    """A sentence for every column of a file of pairs that looks like judgements and was not taken for them."""
    for file, roles in columns.items():
        if "positive" in roles.values() and not {"negative", "grade"} & set(roles.values()):
            for column in JUDGING:
                if roles.get(column) == OTHER:
                    yield (
                        f"{PurePath(file).name} has a column '{column}', which is not read as a judgement; "
                        f"if it is one: --field grade={column} (rows below --min-grade are then non-relevant)"
                    )


def _roles(roles: Mapping[str, str]) -> str:
    by_role: dict[str, list[str]] = {}
    for column, role in roles.items():
        by_role.setdefault(role, []).append(column)
    other_columns = by_role.pop(OTHER, [])
    description = ", ".join(_listed(names) + ("" if names == [role] else f" → {role.replace('_', ' ')}") for role, names in by_role.items())
    return description + (f"; other: {_listed(other_columns)}" if other_columns else "")


def _listed(names: list[str]) -> str:
    surplus = len(names) - MAX_LISTED_COLUMNS
    return ", ".join(names[:MAX_LISTED_COLUMNS]) + (f" and {surplus} more" if surplus > 0 else "")
