"""`hardneg doctor`: is this machine fit, and this installation right?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miner.cli import options as o
from miner.cli.display import console
from miner.cli.dry_run import index_line
from miner.cli.numbers import count_noun

if TYPE_CHECKING:
    from miner.doctor.doctor_report import DoctorReport

PROBLEM_EXIT = 1


def doctor(
    cache: o.Cache = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for runs, whose disk is checked.", rich_help_panel=o.RUN)] = Path(),
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="A run, a folder of runs, or a service's data folder to check for damage.",
            rich_help_panel=o.RUN,
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Mine a tiny set and compare the training file with the expected one.")
    ] = True,
    index: o.Index = None,
    recall: o.Recall = None,
    passages: Annotated[
        int, typer.Option("--passages", min=1, help="Passages that --index or --recall is checked for.", rich_help_panel=o.RETRIEVE)
    ] = 1_000_000,
    dims: Annotated[int, typer.Option("--dims", min=1, help="Dimensions of their vectors.", rich_help_panel=o.RETRIEVE)] = 384,
    as_json: o.Json = False,
) -> None:
    """Check versions, kernels, threads, memory, disks, the embedding store and missing extras, and mine a tiny set. Exit 1 on a problem."""
    from miner.config import default_cache
    from miner.doctor.environment import doctor as run_checks
    from miner.doctor.index_check import IndexQuestion

    question = IndexQuestion(index, recall, passages, dims) if index is not None or recall is not None else None
    findings = run_checks(cache or default_cache(), out, data, check=check, index=question)
    if as_json:
        import orjson

        typer.echo(orjson.dumps(findings, option=orjson.OPT_INDENT_2).decode())
    else:
        _print_findings(findings)
    if findings["problems"]:
        raise typer.Exit(PROBLEM_EXIT)


def _print_findings(findings: DoctorReport) -> None:
    out, processor, memory, libraries = console(), findings["processor"], findings["memory"], findings["libraries"]
    out.print("versions   " + ", ".join(f"{name} {version}" for name, version in findings["versions"].items()))
    quota = "" if processor["quota"] is None else f", a quota of {processor['quota']:g}"
    cores = f"{processor['cores']} cores, {processor['usable']} usable{quota}"
    out.print(f"processor  {processor['name']}, {processor['vectors'] or 'no AVX'}; {cores}")
    limit = "" if memory["limit"] is None else f", a limit of {_size(memory['limit'])}"
    out.print(f"memory     {_size(memory['total'])}, {_size(memory['available'])} available{limit}")
    kernels = ", ".join(f"{name} {kernel}" for name, kernel in libraries["kernels"].items())
    out.print(f"kernels    {kernels}; faiss {libraries['faiss']['vectors']}, torch {libraries['torch']['vectors']}")
    threads = ", ".join(f"{name} {libraries[name]['threads']}" for name in ("faiss", "torch", "numpy"))
    out.print(f"threads    {threads}; cuda {'yes' if libraries['torch']['cuda'] else 'no'}")
    for name, disk in findings["disks"].items():
        out.print(f"{name:<10} {disk['path']}: {_size(disk['free'])} free of {_size(disk['total'])}")
    store = findings["store"]
    out.print(f"vectors    {count_noun(store['models'], 'model')}, {count_noun(store['texts'], 'text')}, {_size(store['bytes'])}")
    out.print("extras     " + ", ".join(f"{name} {'missing' if missing else 'present'}" for name, missing in findings["extras"].items()))
    if "data" in findings:
        data = findings["data"]
        counts = [count_noun(data.get("runs", 0), "run"), count_noun(data.get("databases", 0), "database")]
        out.print(f"data       {data['path']}: {', '.join(counts)}, {count_noun(len(data['faults']), 'fault')}")
    if plan := findings.get("index", {}).get("plan"):
        out.print(f"index      {index_line(plan, findings['index']['recall'])}", soft_wrap=True)
    if "check" in findings:
        out.print(f"check      {'right' if findings['check']['right'] else 'WRONG'}, in {findings['check']['seconds']:.1f} s")
    for kind in ("problems", "advice"):
        for finding in findings[kind]:
            out.print(f"{'problem' if kind == 'problems' else kind}: {finding}")
    count = len(findings["problems"])
    out.print(count_noun(count, "problem") if count else "no problem found")


def _size(count: float | None) -> str:
    from miner.runs.preflight import gigabytes

    return "unknown" if count is None else gigabytes(int(count))
