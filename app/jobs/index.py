"""Kind `index`: build a version of a corpus from files, with its vectors. Texts that are in the embedding store are not encoded again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from app.jobs.stores import Stores
from app.jobs.task import Outcome, link
from app.storage.job_rows import JobSpec
from miner.config import MiningConfig, Runtime
from miner.errors import InputError
from miner.io.array_files import create_raw, write_array
from miner.io.folder_tree import remove, remove_empty
from miner.types import Progress, Texts, Vectors

PASSAGES = "passages.jsonl"


def prepare(spec: JobSpec, stores: Stores, folder: Path) -> JobSpec:
    """Link the files and the model into the job's folder."""
    names = []
    for number, file_id in enumerate(spec["files"], 1):
        file = stores.files.get(file_id)
        names.append(f"inputs/{number}{file.suffix}")
        link(stores.files.path(file), folder / names[-1])
    config = stores.settings.known_models.linked_config(spec["config"], folder)
    return {**spec, "config": config, "paths": names, "target": str(stores.corpora.folder(spec["corpus"], spec["version"]))}


def run(spec: JobSpec, runtime: Runtime, on_progress: Progress) -> Outcome:
    """In the child: read the passages, encode them, write the files of the version. Its folder is absent or complete."""
    from miner.encode import StoredVectors, check_encoder, load_encoder
    from miner.io.atomic import folder_part, sha256_of, write_json

    config = MiningConfig.of(**spec["config"])
    check_encoder(config, runtime.allow_code)
    target = Path(spec["target"])
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.glob(f".{target.name}.*.part"):  # of an attempt that was killed; no other job builds this version
        remove(stale, ignore_errors=True)
    with folder_part(target, "about.json") as folder:
        on_progress("read", 0, 0)
        texts = _read(spec["paths"], spec["fields"], folder)
        _write_passages(texts, folder / PASSAGES)
        on_progress("load model", 0, 0)
        vectors = StoredVectors(load_encoder(config, runtime), runtime.cache, on_progress)
        on_progress("encode", 0, len(texts))
        _write_vectors(texts, vectors, folder)
        sha256 = sha256_of(folder / "corpus.arrow")
        about = {"passages": len(texts), "sha256": sha256, "model": vectors.describe(), "encoded": vectors.encoded}
        write_json(folder / "about.json", about)
    return Outcome({"corpus": spec["corpus"], "version": spec["version"], **about})


def _read(paths: list[str], fields: dict[str, str], folder: Path) -> Texts:
    """The files as one corpus, in their order. InputError names an id that is in two files."""
    from miner.read.assemble import work_folder
    from miner.read.beir_folder import BARE_PASSAGE
    from miner.read.column_names import PASSAGES, check_fields
    from miner.read.file_rows import open_rows
    from miner.read.ids import firsts
    from miner.read.text_writer import read_texts, rewrite, without_copies

    check_fields(fields, PASSAGES)
    parts, keys, has_ids = [], [], True
    for path in paths:
        with work_folder(folder / Path(path).name, "fail") as (into, rejects):
            part = read_texts(open_rows(path, rejects, {}, BARE_PASSAGE), PASSAGES, fields, into / "corpus.arrow", rejects)
        parts.append(part.texts.path)
        keys.append(part.keys)
        has_ids &= part.has_ids
    corpus = folder / "corpus.arrow"
    rewrite([(part_path, None) for part_path in parts], corpus)
    texts = Texts(corpus)
    first = firsts(texts, np.concatenate(keys))
    is_kept = first == np.arange(len(first))
    repeated = np.flatnonzero(~is_kept) if has_ids else without_copies(texts, np.flatnonzero(~is_kept))
    if len(repeated):
        raise InputError(f"the id '{texts.ids(repeated[:1])[0]}' is in more than one of the files; {len(repeated):,} ids are")
    for part_path in parts:
        remove(part_path)
        remove_empty(part_path.parent)
    if is_kept.all():
        return texts
    rewrite([(corpus, is_kept)], corpus)
    return Texts(corpus)


def _write_passages(texts: Texts, path: Path) -> None:
    """Write the passages as JSON lines too: jobs of kind `mine` read the corpus from there."""
    from miner.io.atomic import Part

    with Part(path) as part:
        for batch in texts.batches():
            rows = batch.to_pylist()
            part.write(b"".join(orjson.dumps(_passage(row), option=orjson.OPT_APPEND_NEWLINE) for row in rows))


def _passage(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row of passages.jsonl. Title and group are in every row, as null where absent, so that no extra column can take their place."""
    extra = orjson.loads(row["extra"]) if row["extra"] else {}
    return {**extra, "_id": row["id"], "title": row["title"], "group": row["group"], "text": row["text"]}


def _write_vectors(texts: Texts, vectors: Vectors, folder: Path) -> None:
    """Write the vectors of the distinct texts, and the arrays that map passages to vectors and back."""
    from miner.sources.dense import distinct
    from miner.sources.scoring import to_unit

    rows, position = distinct(texts)
    out = create_raw(folder / "passages.f32", (len(rows), vectors.dim))
    vectors.fill(out, texts, rows, "passage")
    if vectors.similarity == "cosine":
        to_unit(out)
    out.flush()
    write_array(folder / "rows.npy", rows)
    write_array(folder / "position.npy", position)
