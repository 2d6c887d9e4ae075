"""GPL's two datasets read our folder: hard negatives by system, and pairs with a margin."""

from importlib.metadata import version

from beir.datasets.data_loader import GenericDataLoader
from claims import FOLDER, check, tell
from gpl.toolkit.dataset import GenerativePseudoLabelingDataset, HardNegativeDataset

folder = str(FOLDER / "gpl")
corpus, queries, qrels = GenericDataLoader(folder, prefix="qgen").load(split="train")
mined = HardNegativeDataset(f"{folder}/hard-negatives.jsonl", queries, corpus)
pairs = GenerativePseudoLabelingDataset(f"{folder}/gpl-training-data.tsv", queries, corpus)
below = 0
for rows in (mined, pairs):
    for i in range(len(rows)):
        query, positive, negative = rows[i].texts
        check(query, [positive], [negative], shown=str.strip)
        below += rows is pairs and rows[i].label < 0
tell(version=version("gpl"), rows=len(mined), pairs=len(pairs), pairs_with_a_negative_margin=below, qrels=len(qrels))
