"""ms-swift's dataset loader takes our rows: the anchor, the positive, every negative."""

from claims import FOLDER, check, tell
from swift import __version__
from swift.dataset import load_dataset


def said(messages):
    """The text of a conversation of one turn."""
    return messages[0]["content"]


rows, _ = load_dataset([str(FOLDER / "ms-swift.jsonl")], split_dataset_ratio=0.0, strict=True)
for row in rows:
    check(said(row["messages"]), list(map(said, row["positive_messages"])), list(map(said, row["negative_messages"])))
tell(version=__version__, rows=len(rows))
