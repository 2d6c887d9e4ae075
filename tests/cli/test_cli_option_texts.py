"""Help texts name parts and defaults by hand, so that `--help` loads no table; here they are held against the tables and the fields."""

import re
from typing import get_args

import pytest

from miner.cli import options, training_options
from miner.config import MiningConfig
from miner.config.presets import PRESETS
from miner.formats import FORMATS
from miner.samplers import SAMPLERS
from miner.train.parts import BATCH_SAMPLERS, CHANGES, LOSSES
from miner.variations import VARIATIONS

TABLES = {
    "Sampler": SAMPLERS,
    "Format": FORMATS,
    "Preset": PRESETS,
    "Variation": VARIATIONS,
    "Loss": LOSSES,
    "BatchSampler": BATCH_SAMPLERS,
    "Changes": CHANGES,
}
FIELDS = {
    "Depth": "depth",
    "MaxDepth": "max_depth",
    "MinGrade": "min_grade",
    "Count": "negatives",
    "Ladder": "ladder",
    "Seed": "seed",
    "RrfK": "rrf_k",
    "Sampler": "sampler",
    "Format": "output_format",
    "Fill": "fill",
    "Judged": "judged",
    "Anchor": "anchor",
    "FalseNegatives": "false_negatives",
    "Dtype": "dtype",
    "Index": "index",
}


def text(flag: str) -> str:
    return get_args(getattr(training_options if hasattr(training_options, flag) else options, flag))[1].help


@pytest.mark.parametrize("flag", TABLES)
def test_every_part_of_a_table_is_named(flag):
    assert set(TABLES[flag]) - set(re.findall(r"[\w-]+", text(flag))) == set()


@pytest.mark.parametrize(("flag", "field"), FIELDS.items())
def test_a_default_is_that_of_the_field(flag, field):
    assert text(flag).endswith(f"[{MiningConfig.model_fields[field].default}]")
