"""Flags of training and of the loop; each is a field of TrainConfig or LoopConfig."""

from __future__ import annotations

from typing import Annotated

from miner.cli.options import Words, option

TRAIN = "Training"
Dev = Annotated[str | None, option("dev", "BEIR folder whose queries choose the checkpoint and stop early", TRAIN)]
DevSplit = Annotated[Words, option("dev-split", "qrels files of --dev [dev, or the only one]", TRAIN)]
Loss = Annotated[
    str | None,
    option(
        "loss",
        "in_batch, cached, gist, guided, margin_mse, distillation, contrastive_kl, batch_kl, embed_distill, hcl, mochi, sscl, ohem, "
        "unremix, with knobs: hcl:beta=1",
        TRAIN,
    ),
]
BatchSampler = Annotated[
    str | None,
    option(
        "batch-sampler",
        "no_duplicates, shuffle, topics, high_loss, hard_examples, with knobs: how rows are put into batches",
        TRAIN,
        rare=True,
    ),
]
Changes = Annotated[
    Words, option("change", "delete, reorder, una, paraphrase, replace, draw, with knobs: changes of a batch", TRAIN, rare=True)
]
UseNegatives = Annotated[int | None, option("use-negatives", "negatives used of each row [as many as the longest has]", TRAIN, rare=True)]
TrainBatchSize = Annotated[int | None, option("train-batch-size", "rows in a batch [64]", TRAIN)]
DropLast = Annotated[
    bool | None, option("drop-last/--keep-last", "leave out a last batch with fewer rows (dataloader_drop_last) [keep]", TRAIN, rare=True)
]
Accumulate = Annotated[int | None, option("accumulate", "batches of one optimiser step [1]", TRAIN, rare=True)]
Steps = Annotated[int | None, option("steps", "optimiser steps [from --epochs]", TRAIN)]
Epochs = Annotated[float | None, option("epochs", "passes over the rows [1]", TRAIN)]
Rates = Annotated[
    Words, option("learning-rate", "peak learning rate; of several, the dev score chooses [2e-5; 0.1 for a static model]", TRAIN)
]
Warmup = Annotated[float | None, option("warmup", "share of the steps in which the rate rises [0.1]", TRAIN, rare=True)]
Schedule = Annotated[str | None, option("schedule", "linear, cosine or constant [linear]", TRAIN, rare=True)]
WeightDecay = Annotated[float | None, option("weight-decay", "AdamW's weight decay [0.01]", TRAIN, rare=True)]
Precision = Annotated[str | None, option("precision", "float32, bf16, or (GPU) fp16 [float32]", TRAIN, rare=True)]
EvalEvery = Annotated[int | None, option("eval-every", "steps between two evaluations on dev [a tenth of all]", TRAIN, rare=True)]
Patience = Annotated[
    int | None, option("patience", "evaluations on dev without a gain before training stops; 0 never [3]", TRAIN, rare=True)
]
DevMeasure = Annotated[str | None, option("dev-measure", "measure that chooses the checkpoint on dev [ndcg@10]", TRAIN, rare=True)]
Watch = Annotated[
    Words,
    option("watch", "further measures of every look at dev [precision@10, recall@10, f1@10, ndcg@10, mrr@10]", TRAIN, rare=True),
]
WatchRows = Annotated[int | None, option("watch-rows", "training rows that are scored at every look; 0 none [512]", TRAIN, rare=True)]
ReportTo = Annotated[
    Words, option("report-to", "tensorboard, wandb or trackio: the trainer reports to it too, in OUT.logs [none]", TRAIN, rare=True)
]
LOOP = "Rounds"
Rounds = Annotated[int | None, option("rounds", "largest number of rounds [3]", LOOP)]
Start = Annotated[
    str | None, option("start", "each round starts from: base, last (round's model), continue (its optimiser too) [base]", LOOP)
]
Keep = Annotated[
    str | None,
    option("keep", "what trains: notebook (errors of all rounds), share (see --retain), last (only this round's) [notebook]", LOOP),
]
Retain = Annotated[
    float | None, option("retain", "with --keep share: share of a row's negatives from the last round [0.5]", LOOP, rare=True)
]
OnlyWrong = Annotated[
    bool | None, option("only-wrong/--all-negatives", "train only on negatives the model gets wrong [all]", LOOP, rare=True)
]
Wrong = Annotated[float | None, option("wrong", "a negative is wrong above reference score - wrong × height [0.5]", LOOP, rare=True)]
Easy = Annotated[float | None, option("easy", "an old negative leaves below reference score - easy × height [0.9]", LOOP, rare=True)]
NotebookSize = Annotated[int | None, option("notebook", "entries of one anchor that train at most [15]", LOOP, rare=True)]
NotebookRatio = Annotated[
    float | None, option("notebook-ratio", "entries for each positive that train at most, in the whole; 3 is 1:3 [9]", LOOP, rare=True)
]
Epsilon = Annotated[float | None, option("epsilon", "smallest gain on dev that counts [0.002]", LOOP, rare=True)]
Wait = Annotated[
    int | None, option("wait", "rounds without a gain before the loop stops; one where dev cannot decide counts half [1]", LOOP, rare=True)
]
Same = Annotated[float | None, option("same", "stop when this share of the negatives is the last round's [0.9]", LOOP, rare=True)]
HoldOut = Annotated[
    bool | None, option("hold-out/--no-hold-out", "hide all but one positive of each query, to measure false negatives [no]", LOOP)
]
