"""FlagEmbedding's training dataset reads our rows, with and without the teacher's scores."""

from importlib.metadata import version

from claims import FOLDER, MODEL, check, tell
from FlagEmbedding.abc.finetune.embedder import AbsEmbedderCollator, AbsEmbedderDataArguments, AbsEmbedderTrainDataset
from transformers import AutoTokenizer

found = {}
for name, distil in (("flagembedding", False), ("flagembedding-scores", True)):
    arguments = AbsEmbedderDataArguments(
        train_data=[str(FOLDER / f"{name}.jsonl")], cache_path=str(FOLDER / "cache"), train_group_size=4, knowledge_distillation=distil
    )
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    rows = AbsEmbedderTrainDataset(arguments, tokenizer)
    for query, passages, scores in (rows[i] for i in range(len(rows))):
        check(query, passages[:1], passages[1:])
        assert len(passages) == 4
        assert (scores is not None) == distil
    batch = AbsEmbedderCollator(tokenizer, query_max_len=32, passage_max_len=64)([rows[i] for i in range(4)])
    found[name] = {"rows": len(rows), "passages_in_a_batch_of_4": len(batch["passages"]["input_ids"])}
tell(version=version("FlagEmbedding"), read=found)
