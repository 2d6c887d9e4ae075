"""`hardneg export`: choose and write again from stored candidates, without the model of the search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from miner.cli import flag_groups as f
from miner.cli import options as o
from miner.cli.display import ProgressDisplay, print_summary
from miner.errors import ConfigError


@f.takes(f.CHOOSE, f.VARY, f.SHAPE, f.SEED, f.RUNTIME)
def export(
    flags: f.Flags,
    run: Annotated[Path, typer.Argument(help="The run folder to choose from.", show_default=False)],
    verdicts: o.Verdicts = None,
    out: o.Out = None,
    kind: o.Kind = None,
    force: o.Force = False,
    config: o.Config = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Choose negatives again from a run's stored candidates, with other filters, sampler, counts or format. Nothing is searched again.

    A model is loaded only for --variation, and for --judge where a second judge has not scored a pair yet.

    hardneg export scifact-run --filter margin:relative=0.1 --negatives 8 --output-format n-tuple --out strict.parquet

    hardneg export scifact-run --verdicts reviewed.jsonl --out reviewed

    hardneg export scifact-run --judge cross-encoder:model=./reranker --filter margin:by=cross-encoder,relative=0.05 --out judged
    """
    if out is None:
        raise ConfigError("say where the negatives go: --out FOLDER, --out FILE.jsonl, or --out - for stdout")
    if as_json and out == "-":
        raise ConfigError("--json and --out - both want stdout: leave one of them out")
    with ProgressDisplay(quiet) as display:
        from miner.cli.config_file import read_layers
        from miner.config import MiningConfig, Runtime
        from miner.config.groups import RETRIEVAL_SETTINGS
        from miner.config.layers import Layers
        from miner.runs.run import Run
        from miner.runs.run import export as run_export

        source = Run(run)
        layers = read_layers(config) if config else Layers()
        stored = {**source.config.model_dump(mode="json"), **layers.stored}
        runtime = Runtime.of(**{name: value for name in f.RUNTIME if (value := flags.pop(name)) is not None})
        settings = MiningConfig.of(**o.overlay_flags(flags, layers.typed, RETRIEVAL_SETTINGS, stored))
        result = run_export(
            source,
            settings,
            verdicts=verdicts or (),
            out=out,
            kind=o.suffix(kind),
            force=force,
            spare=o.protected_paths(config),
            runtime=runtime,
            on_progress=display,
        )
        print_summary(result, display, as_json=as_json, to_stdout=out == "-")
