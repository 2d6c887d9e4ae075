"""PyLate distils from our folder and trains on our triplets and n-tuples, a few steps each."""

from importlib.metadata import version

from claims import FOLDER, MODEL, check, tell
from datasets import load_dataset
from pylate import losses, models, utils
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments


def rows_of(kind, path):
    """One file as a dataset."""
    return load_dataset(kind, data_files=str(path), split="train")


def train(rows, loss):
    """The losses of three steps."""
    model = models.ColBERT(model_name_or_path=MODEL, device="cpu", document_length=32).float()
    arguments = SentenceTransformerTrainingArguments(
        output_dir=FOLDER / "checkpoints",
        max_steps=3,
        per_device_train_batch_size=2,
        report_to="none",
        save_strategy="no",
        logging_steps=1,
        use_cpu=True,
        remove_unused_columns=False,
    )
    collator = utils.ColBERTCollator(model.tokenize)
    trainer = SentenceTransformerTrainer(model=model, args=arguments, train_dataset=rows, loss=loss(model=model), data_collator=collator)
    trainer.train()
    found = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(found) == sum(value == value for value in found) == 3, found
    return {"rows": len(rows), "losses": found}


folder = FOLDER / "pylate"
distil = rows_of("parquet", folder / "train.parquet")
looked_up = utils.KDProcessing(rows_of("parquet", folder / "queries.parquet"), rows_of("parquet", folder / "documents.parquet"))
distil.set_transform(looked_up.transform)
for row in distil:
    check(row["query"], row["documents"][:1], row["documents"][1:])
trained = {"pylate": train(distil, losses.Distillation)}
for name in ("triplet", "n-tuple"):
    trained[name] = train(rows_of("json", FOLDER / f"{name}.jsonl"), losses.Contrastive)
tell(version=version("pylate"), trained=trained)
