"""Fine-tune with the result. NO_DUPLICATES: no row meets its own positive as another row's passage. Needs hardneg[train]."""

import os
from pathlib import Path

from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.training_args import BatchSamplers

from hardneg import MiningConfig, mine, read_pairs

model = SentenceTransformer(os.environ.get("MODEL", "all-MiniLM-L6-v2"), device="cpu")
config = MiningConfig(negatives=1, output_format="n-tuple")
run = mine(read_pairs(Path(__file__).parent / "faq.csv"), config, model=model)

arguments = SentenceTransformerTrainingArguments(
    output_dir="checkpoints",
    max_steps=int(os.environ.get("STEPS", "20")),
    per_device_train_batch_size=8,
    batch_sampler=BatchSamplers.NO_DUPLICATES,
    use_cpu=True,
    report_to="none",
    save_strategy="no",
    disable_tqdm=True,
)
rows = Dataset.from_list(list(run.rows()))
trainer = SentenceTransformerTrainer(model=model, args=arguments, train_dataset=rows, loss=MultipleNegativesRankingLoss(model))
print("loss", round(trainer.train().training_loss, 4))
model.save_pretrained("faq-model")
