"""sentence-transformers trains a few steps on triplets, n-tuples, labeled pairs and labeled lists, each with losses that fit."""

from claims import FOLDER, MODEL, check, tell
from datasets import load_dataset
from sentence_transformers import (
    CrossEncoder,
    CrossEncoderTrainer,
    CrossEncoderTrainingArguments,
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
    __version__,
)
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss, LambdaLoss, ListNetLoss
from sentence_transformers.sentence_transformer import losses

STEPS = {"max_steps": 3, "per_device_train_batch_size": 2, "report_to": "none", "save_strategy": "no", "logging_steps": 1, "use_cpu": True}


def train(name, loss):
    """The losses of three steps over a file."""
    rows = load_dataset("json", data_files=str(FOLDER / f"{name}.jsonl"), split="train")
    if loss in (BinaryCrossEntropyLoss, LambdaLoss, ListNetLoss):
        model = CrossEncoder(MODEL, num_labels=1, max_length=32, device="cpu")
        arguments, kind = CrossEncoderTrainingArguments(output_dir=FOLDER / "checkpoints", **STEPS), CrossEncoderTrainer
    else:
        model = SentenceTransformer(MODEL, device="cpu")
        model.max_seq_length = 32
        arguments, kind = SentenceTransformerTrainingArguments(output_dir=FOLDER / "checkpoints", **STEPS), SentenceTransformerTrainer
    trainer = kind(model=model.float(), args=arguments, train_dataset=rows, loss=loss(model))
    trainer.train()
    found = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(found) == sum(value == value for value in found) == 3, found
    return {"rows": len(rows), "losses": found}


for row in load_dataset("json", data_files=str(FOLDER / "triplet.jsonl"), split="train"):
    check(row["anchor"], [row["positive"]], [row["negative"]])
for row in load_dataset("json", data_files=str(FOLDER / "n-tuple.jsonl"), split="train"):
    check(row["anchor"], [row["positive"]], [row[name] for name in row if name.startswith("negative_")])
for row in load_dataset("json", data_files=str(FOLDER / "labeled-pair.jsonl"), split="train"):
    check(row["anchor"], *([[row["positive"]], []] if row["label"] else [[], [row["positive"]]]))

PLAN = {
    "triplet": [losses.MultipleNegativesRankingLoss, losses.TripletLoss],
    "n-tuple": [losses.MultipleNegativesRankingLoss, losses.CachedMultipleNegativesRankingLoss],
    "n-tuple-scores": [losses.DistillKLDivLoss],
    "labeled-pair": [losses.ContrastiveLoss, losses.OnlineContrastiveLoss, BinaryCrossEntropyLoss],
    "labeled-list": [LambdaLoss, ListNetLoss],
}
tell(version=__version__, trained={name: {loss.__name__: train(name, loss) for loss in fitting} for name, fitting in PLAN.items()})
