"""NeMo Automodel's retrieval dataset reads our object and its corpus."""

from importlib.metadata import version

from claims import FOLDER, check, tell
from nemo_automodel.components.datasets.llm.retrieval_dataset import make_retrieval_dataset

rows = make_retrieval_dataset(str(FOLDER / "nemo" / "train.json"), n_passages=4)
for row in rows:
    check(row["question"], row["doc_text"][:1], row["doc_text"][1:])
    assert len(row["doc_text"]) == 4
tell(version=version("nemo-automodel"), rows=len(rows))
