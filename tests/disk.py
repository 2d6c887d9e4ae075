"""A world as the files a user has."""

import json

import numpy as np

from miner.config import Inputs


def on_disk(world, folder):
    """The world as the files a user has."""
    folder.mkdir(exist_ok=True)
    everyone = world.queries | {name: text for name, (text, _) in world.elsewhere.items() if name not in world.queries}
    for name, texts in (("corpus", world.passages), ("queries", everyone)):
        groups = world.groups if name == "corpus" else {}
        lines = (json.dumps({"_id": key, "text": text, "group": groups.get(key)}) + "\n" for key, text in texts.items())
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "qrels").mkdir(exist_ok=True)
    others = {name: grades for name, (_, grades) in world.elsewhere.items()}
    for split, judged in (("train", world.grades), ("dev", others)):
        lines = (f"{q}\t{p}\t{grade}\n" for q, grades in judged.items() for p, grade in grades.items())
        if judged:
            (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines), encoding="utf-8")
    for side, texts in (("query", world.queries), ("passage", world.passages)):
        vectors = getattr(world, f"{side}_vectors")
        np.save(folder / f"{side}.npy", np.array([vectors[text] for text in texts.values()], dtype=np.float32))
        (folder / f"{side}.ids").write_text("".join(f"{key}\n" for key in texts), encoding="utf-8")
    vectors = {f"{side}_vectors": str(folder / f"{side}.npy") for side in ("query", "passage")}
    return Inputs.of(data=str(folder), **vectors)
