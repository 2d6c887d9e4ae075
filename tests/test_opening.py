"""Sources from the config: what is opened, what the manifest says of it, and runs without any model."""

import numpy as np
import pytest
from worlds import dataset_of, make

from miner.config import MiningConfig
from miner.errors import ConfigError
from miner.run import export, mine


@pytest.fixture
def dataset(tmp_path):
    return dataset_of(make(4, passages=60, queries=12), into=tmp_path / "given")


def test_bm25_alone_needs_no_model(dataset, tmp_path):
    """A whole run, its manifest, and an export of it."""
    config = MiningConfig.of(sources=("bm25",), filters=("near_positive:off",), columns=("scores",))
    run = mine(dataset, config, out=tmp_path / "run")
    told = run.manifest["retrieval"]
    assert run.manifest["model"] is None
    assert (told["similarity"], list(told["sources"])) == ("bm25", ["bm25"])
    assert len(told["sources"]["bm25"]["content"]) == 64
    assert run.differences() == []
    again = export(run, MiningConfig.of(**(config.model_dump() | {"negatives": 2})), out=tmp_path / "again")
    assert all(np.isfinite(row["scores"]).all() for row in again.rows())
    with pytest.raises(ConfigError, match=r"sources was \('bm25:k1=0.9,b=0.4',\) when this run was mined"):
        export(run, MiningConfig.of(), out=tmp_path / "other")


def test_the_default_is_the_config_s_own_model(tiny_model, dataset, tmp_path):
    """The same bytes whether the source is named, named with its model, or left out."""
    runs = [
        mine(dataset, MiningConfig.of(**given), out=tmp_path / str(place))
        for place, given in enumerate(
            [{"model": str(tiny_model)}, {"model": str(tiny_model), "sources": ("dense",)}, {"sources": (f"dense:model={tiny_model}",)}]
        )
    ]
    assert len({run.file.read_bytes() for run in runs}) == 1
    assert runs[0].manifest["retrieval"]["sources"]["dense"]["fingerprints"] == runs[2].manifest["model"]["fingerprints"]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (
            ("bm25",),
            "filter 'near_positive' compares vectors (near_positive), and source 'bm25' has none: leave it out (near_positive:off for a filter)",
        ),
        (("bm52",), "there is no source 'bm52'; there are: dense, bm25"),
        (("dense", "dense"), "source 'dense' is given twice"),
        (("dense:max_length=3",), "source 'dense' has max_length but no model"),
        (("dense:model=m,query_prompt=a,query_prompt_name=b",), "source 'dense': give query_prompt or query_prompt_name, not both"),
        (("bm25:b=2",), "source 'bm25' wants k1 >= 0 and b from 0 to 1, got k1=0.9, b=2.0"),
        ((), "sources is"),
    ],
)
def test_wrong_sources_are_told_in_one_sentence(sources, message):
    """Before any work."""
    with pytest.raises(ConfigError) as caught:
        MiningConfig.of(sources=sources)
    assert str(caught.value).startswith(message)


def test_the_settings_of_a_further_encoder():
    """Its own knobs alone; quotes keep the spaces of a prompt."""
    config = MiningConfig.of(
        model="first", query_prompt="q", dtype="float16", sources=("dense", 'dense:model=second,passage_prompt="passage: "')
    )
    parts = config.active_sources
    assert list(parts) == ["dense", "dense-2"]
    assert parts["dense"].settings() == {}
    other = config.model_copy(update=parts["dense-2"].settings())
    assert (other.model, other.query_prompt, other.passage_prompt, other.dtype) == ("second", None, "passage: ", "float32")
