"""`hardneg explain`: why a passage is a negative of a query, or is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from miner.cli import options as o
from miner.cli.display import console, flat, score, tier
from miner.errors import ConfigError

FEW = 20
SAME_TEXT = {1: "positive's", 2: "query's", 4: "better one's"}


def explain(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    query: Annotated[str, typer.Argument(help="The id of one of its queries.", show_default=False)],
    passage: Annotated[str | None, typer.Option("--passage", help="Ask about one passage, by id.", show_default=False)] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Candidates shown [20; all with --json].", show_default=False)] = None,
    kept: Annotated[bool, typer.Option("--kept", help="Only candidates that no rule dropped, and the chosen ones.")] = False,
    dropped: Annotated[bool, typer.Option("--dropped", help="Only candidates that a rule dropped.")] = False,
    as_json: o.Json = False,
) -> None:
    """Show a query's candidates, best first: score, margin, evidence, and which rule dropped each or which rung chose it.

    hardneg explain my-run q17

    hardneg explain my-run q17 --passage p204
    """
    if kept and dropped:
        raise ConfigError("--kept and --dropped leave nothing together; give one of them")
    from miner.analysis.explain import explain as explain_it
    from miner.runs.run import Run

    told = explain_it(Run(run), query, passage)
    wanted = {"dropped"} if dropped else {"kept", "chosen"} if kept else {"dropped", "kept", "chosen"}
    for anchor in told["anchors"]:
        anchor["candidates"] = [one for one in anchor["candidates"] if one["status"] in wanted]
    if as_json:
        import orjson

        for anchor in told["anchors"]:
            anchor["candidates"] = anchor["candidates"][:limit]
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    out = console()
    out.print(f"query     {flat(told['query']['id'])}: {flat(told['query']['text'])}", soft_wrap=True)
    if passage is not None:
        out.print(_passage(told), soft_wrap=True)
    for anchor in told["anchors"]:
        for line in _head(anchor, told["retrieved"]):
            out.print(line, soft_wrap=True)
        _table(out, anchor["candidates"], limit or FEW)


def _passage(told: Mapping[str, Any]) -> str:
    about = told["passage"]
    said = f"passage   {flat(about['id'])}: {flat(about['text'])}"
    if not about["retrieved"]:
        most = "" if about["score_at_most"] is None else f": it scores {score(about['score_at_most'])} at most"
        said += f"\n          not retrieved: not among the {told['retrieved']:,} candidates of this query{most}"
    elif about["stands_for_it"]:
        said += f"\n          {flat(about['stands_for_it'])} has the very same text and stands for it"
    if about["grade"] is not None:
        said += f"\n          judged with grade {about['grade']}"
    return said


def _head(anchor: Mapping[str, Any], retrieved: int) -> Iterable[str]:
    for one in anchor["positives"]:
        rank = "not retrieved" if one["rank"] is None else f"rank {one['rank']}"
        yield f"positive  {flat(one['id'])}: {flat(one['text'])}  (score {score(one['score'])}, {rank})"
    ceilings = "".join(f" · ceiling {score(value)} ({name})" for name, value in anchor["ceilings"].items())
    yield f"bar       {score(anchor['bar'])} · background {score(anchor['background'])}{ceilings}"
    counts = anchor["counts"]
    drops = ", ".join(f"{name} {count}" for name, count in counts["dropped"].items() if count) or "nothing"
    yield f"judged    {retrieved} candidates: dropped by {drops}; {counts['kept']} kept, {counts['chosen']} chosen"


def _table(out: Any, candidates: Sequence[Mapping[str, Any]], limit: int) -> None:
    from rich.table import Table

    rows = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    for name in ("rank", "score", "margin"):
        rows.add_column(name, justify="right", no_wrap=True)
    rows.add_column("verdict", max_width=60)
    rows.add_column("evidence", max_width=34)
    rows.add_column("passage", no_wrap=True, overflow="ellipsis", max_width=max(24, out.width // 3))  # else it takes the others' room
    for one in candidates[:limit]:
        style = {"chosen": "bold cyan", "dropped": "dim"}.get(one["status"])
        told = (str(one["rank"]), score(one["score"]), score(one["margin"]), _verdict(one), _evidence(one["evidence"]))
        rows.add_row(*told, flat(f"{one['id']}: {one['text']}"), style=style)
    out.print(rows)
    if len(candidates) > limit:
        out.print(f"and {len(candidates) - limit:,} more; --limit {len(candidates)} shows them")


def _verdict(one: Mapping[str, Any]) -> str:
    """What became of it; a chosen one that the strict rules had dropped says so."""
    if one["status"] == "chosen":
        return f"chosen, {tier(one['tier'])}" + (f"; strictly: {one['dropped_by']}" if one["dropped_by"] else "")
    if one["status"] == "kept":
        return "kept, not chosen"
    return f"dropped: {one['dropped_by']}" + (f" ({one['why']})" if one["why"] else "")


def _evidence(evidence: Mapping[str, Any]) -> str:
    """What was measured and is not nought; the bits of same_text in words."""
    told = []
    for name, value in evidence.items():
        if name == "same_text" and value:
            told.append(f"text is {' and '.join(word for bit, word in SAME_TEXT.items() if value & bit)}")
        elif value:
            told.append(name if value == 1 and isinstance(value, int) else f"{name} {score(value) if isinstance(value, float) else value}")
    return ", ".join(told)
