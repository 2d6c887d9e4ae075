"""`hardneg explain`: why a passage is a negative of a query, or is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from miner.cli import options as o
from miner.cli.display import console, fallback_level, flat, score
from miner.errors import ConfigError

DEFAULT_LIMIT = 20
SAME_TEXT_BITS = {1: "positive's", 2: "query's", 4: "a better candidate's"}


def explain(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    query: Annotated[str, typer.Argument(help="The id of one of its queries, or its text.", show_default=False)],
    passage: Annotated[str | None, typer.Option("--passage", help="Also show this passage, by id or text.", show_default=False)] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Number of candidates to show [20; all with --json].", show_default=False)
    ] = None,
    only_kept: Annotated[bool, typer.Option("--kept", help="Only candidates that no filter dropped, and the negatives.")] = False,
    dropped: Annotated[bool, typer.Option("--dropped", help="Only candidates that a filter dropped.")] = False,
    as_json: o.Json = False,
) -> None:
    """Show a query's candidates, best first: score, margin, evidence, and which filter dropped or which fallback level chose each.

    hardneg explain my-run q17

    hardneg explain my-run "who wrote Faust?" --passage p204
    """
    if only_kept and dropped:
        raise ConfigError("--kept and --dropped exclude each other; give one of them")
    from miner.analysis.explain import explain as explain_query
    from miner.runs.run import Run

    explanation = explain_query(Run(run), query, passage)
    statuses = {"dropped"} if dropped else {"kept", "chosen"} if only_kept else {"dropped", "kept", "chosen"}
    for anchor in explanation["anchors"]:
        anchor["candidates"] = [candidate for candidate in anchor["candidates"] if candidate["status"] in statuses]
    if as_json:
        import orjson

        for anchor in explanation["anchors"]:
            anchor["candidates"] = anchor["candidates"][:limit]
        typer.echo(orjson.dumps(explanation, option=orjson.OPT_INDENT_2).decode())
        return
    out = console()
    out.print(f"query     {flat(explanation['query']['id'])}: {flat(explanation['query']['text'])}", soft_wrap=True)
    if passage is not None:
        out.print(_passage(explanation), soft_wrap=True)
    for anchor in explanation["anchors"]:
        for line in _head(anchor, explanation["retrieved"]):
            out.print(line, soft_wrap=True)
        _table(out, anchor["candidates"], limit or DEFAULT_LIMIT)
    out.print(*map(_variation, explanation.get("variations", ())), sep="", end="", soft_wrap=True)


def _variation(variation: Mapping[str, Any]) -> str:
    """A further negative with what it was made of."""
    origin = f"{variation['kind']} of {flat(variation['passage_id'])}, score {score(variation['origin_score'])}"
    return f"variation {flat(variation['text'])}  (score {score(variation['score'])}; {origin})\n"


def _passage(explanation: Mapping[str, Any]) -> str:
    details = explanation["passage"]
    text = f"passage   {flat(details['id'])}: {flat(details['text'])}"
    if not details["retrieved"]:
        bound = "" if details["score_at_most"] is None else f": its score is {score(details['score_at_most'])} at most"
        text += f"\n          not retrieved: not among the {explanation['retrieved']:,} candidates of this query{bound}"
    elif details["stands_for_it"]:
        text += f"\n          {flat(details['stands_for_it'])} has the same text and is the candidate in its place"
    if details["grade"] is not None:
        text += f"\n          judged with grade {details['grade']}"
    return text


def _head(anchor: Mapping[str, Any], retrieved: int) -> Iterable[str]:
    for positive in anchor["positives"]:
        rank = "not retrieved" if positive["rank"] is None else f"rank {positive['rank']}"
        yield f"positive  {flat(positive['id'])}: {flat(positive['text'])}  (score {score(positive['score'])}, {rank})"
    ceilings = "".join(f" · ceiling {score(value)} ({name})" for name, value in anchor["ceilings"].items())
    yield f"scores    reference score {score(anchor['bar'])} · noise floor {score(anchor['background'])}{ceilings}"
    counts = anchor["counts"]
    drops = ", ".join(f"{name} {count}" for name, count in counts["dropped"].items() if count) or "nothing"
    yield f"judged    {retrieved} candidates: dropped by {drops}; {counts['kept']} kept, {counts['chosen']} chosen"


def _table(out: Any, candidates: Sequence[Mapping[str, Any]], limit: int) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    for name in ("rank", "score", "margin"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("status", max_width=60)
    table.add_column("evidence", max_width=34)
    table.add_column("passage", no_wrap=True, overflow="ellipsis", max_width=max(24, out.width // 3))  # else it takes the others' room
    for candidate in candidates[:limit]:
        style = {"chosen": "bold cyan", "dropped": "dim"}.get(candidate["status"])
        cells = (
            str(candidate["rank"]),
            score(candidate["score"]),
            score(candidate["margin"]),
            _status(candidate),
            _evidence(candidate["evidence"]),
        )
        table.add_row(*cells, flat(f"{candidate['id']}: {candidate['text']}"), style=style)
    out.print(table)
    if len(candidates) > limit:
        out.print(f"and {len(candidates) - limit:,} more; --limit {len(candidates)} shows them")


def _status(candidate: Mapping[str, Any]) -> str:
    """The status of a candidate, with the filter that dropped one at level 0 which a fallback level has chosen."""
    if candidate["status"] == "chosen":
        return f"chosen, {fallback_level(candidate['tier'])}" + (
            f"; dropped at level 0: {candidate['dropped_by']}" if candidate["dropped_by"] else ""
        )
    if candidate["status"] == "kept":
        return "kept, not chosen"
    return f"dropped: {candidate['dropped_by']}" + (f" ({candidate['why']})" if candidate["why"] else "")


def _evidence(evidence: Mapping[str, Any]) -> str:
    """The evidence that is not zero; the bits of same_text in words."""
    parts = []
    for name, value in evidence.items():
        if name == "same_text" and value:
            parts.append(f"text is {' and '.join(word for bit, word in SAME_TEXT_BITS.items() if value & bit)}")
        elif value:
            parts.append(name if value == 1 and isinstance(value, int) else f"{name} {score(value) if isinstance(value, float) else value}")
    return ", ".join(parts)
