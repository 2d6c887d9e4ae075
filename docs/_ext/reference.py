"""The generated parts of the reference, as Markdown: what the code says about itself. Used by conf.py and by the tests.

A page holds a line `<!-- generated: KIND ARGUMENTS -->`; `fill` puts the text of that kind below it. PLACES names every module that is
read, so that a moved module is one changed line here.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import tempfile
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

PLACES = {
    "cli": "app.cli:app",
    "aliases": "miner.cli.options:ALIASES",
    "common flags": "miner.cli.verb_flags:COMMON",
    "filter": "miner.filters:FILTERS",
    "default filters": "miner.filters:DEFAULTS",
    "sampler": "miner.samplers:SAMPLERS",
    "source": "miner.sources:SOURCES",
    "variation": "miner.variations:VARIATIONS",
    "judge": "miner.judges:JUDGES",
    "evidence": "miner.evidence:EVIDENCE",
    "format": "miner.formats:FORMATS",
    "preset": "miner.config.presets:PRESETS",
    "loss": "miner.train.parts:LOSSES",
    "batch sampler": "miner.train.parts:BATCH_SAMPLERS",
    "change": "miner.train.parts:CHANGES",
    "mine": "miner:mine",
    "export": "miner:export",
    "read_pairs": "miner:read_pairs",
    "MiningConfig": "miner:MiningConfig",
    "Inputs": "miner:Inputs",
    "Runtime": "miner:Runtime",
    "TrainConfig": "miner.train.config:TrainConfig",
    "LoopConfig": "miner.train.config:LoopConfig",
    "Settings": "app.settings:Settings",
    "service": "app.main:create_app",
}
ROOT = Path(__file__).parents[2]
SETTINGS = ("MiningConfig", "Inputs", "Runtime", "TrainConfig", "LoopConfig")
COMMAND = "hardneg"
MARK = re.compile(r"^<!-- generated: ([\w -]+) -->$", re.MULTILINE)
DEFAULT_AT_END = re.compile(r"\s*\[([^\]]+)\]\.?$")
"""A default at the end of a help text."""


DECISIONS = Path(__file__).parents[1] / "decisions"
HEADER = re.compile(
    r"\*Status: (accepted|(?:accepted; in part )?replaced by (\[\d+\]\(\S+\)))\. Date: (\d{4}-\d\d-\d\d)\.(?: Replaces [^*]+\.)?\*$"
)
"""The first lines of a decision, below its title."""


def load(name: str) -> Any:
    """The object that PLACES names."""
    module, _, attribute = PLACES[name].partition(":")
    return getattr(import_module(module), attribute)


def fill(text: str) -> str:
    """A page with every generated part in its place."""
    return MARK.sub(lambda mark: _text_of(mark[1]), text)


def _text_of(words: str) -> str:
    """The text of `KIND`, or of `KIND NAME`."""
    if words in KINDS:
        return str(KINDS[words]())
    kind, _, name = words.rpartition(" ")
    return str(KINDS[kind](name))


def table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table; None is a dash."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(value: Any) -> str:
    text = "–" if value is None or value == "" else str(value)
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def code(value: Any) -> str | None:
    """A value as code, None for nothing."""
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return None if value in (None, "", (), [], {}) else f"`{str(value).lower() if isinstance(value, bool) else text}`"


# ---------------------------------------------------------------- command line


def verbs() -> Iterator[tuple[str, Any]]:
    """Every command by its full name, in the order of the help."""
    import typer

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        for each in inner or ():
            yield from walk(f"{name} {each}", inner[each])

    yield from walk(COMMAND, typer.main.get_command(load("cli")))


def cli() -> str:
    """A section for each verb: what it does, its arguments, its flags with their defaults and environment variables."""
    defaults = field_defaults()
    return "\n".join(_verb(name, command, defaults) for name, command in verbs())


def _verb(name: str, command: Any, defaults: Mapping[str, str]) -> str:
    head, *examples = [part.strip() for part in inspect.cleandoc(command.help or "").split("\n\n")]
    examples_text = "\n".join(" ".join(line.split()) for line in examples if line.startswith(COMMAND))
    more = "\n\n".join(" ".join(line.split()) for line in examples if not line.startswith(COMMAND))
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and param.name not in ("help", *load("common flags"))]
    usage = " ".join([name, "[OPTIONS]" if options else "", *(_argument(param) for param in arguments)]).replace("  ", " ")
    parts = [f"## {name}\n", f"{' '.join(head.split())}\n", f"```text\n{usage}\n```\n"]
    parts += [f"{more}\n"] if more else []
    parts += [f"```console\n{examples_text}\n```\n"] if examples_text else []
    if arguments:
        parts.append(table(("argument", "meaning"), ((f"`{_argument(param)}`", param.help) for param in arguments)))
    if options:
        rows = [(_flags(param), without_default(param.help), default_of(param, defaults), code(param.envvar)) for param in options]
        parts.append(table(("flag", "meaning", "default", "environment"), rows))
    return "\n".join(parts)


def _argument(param: Any) -> str:
    name = param.name.upper() + ("…" if param.nargs == -1 else "")
    return name if param.required else f"[{name}]"


def _flags(param: Any) -> str:
    names = [f"`{name}`" for name in (*param.opts, *param.secondary_opts)]
    hint = getattr(getattr(param, "type_descriptor", None), "annotation", None)
    kind = "" if param.is_flag or hint is None else f" *{_plain(hint).removeprefix('list of ')}*"
    return ", ".join(names) + kind + (" (repeatable)" if getattr(param, "multiple", False) else "")


def without_default(text: str | None) -> str:
    """A help text without the default at its end."""
    return DEFAULT_AT_END.sub("", text or "")


def default_of(param: Any, defaults: Mapping[str, str]) -> str:
    """What holds without the flag: the help's word, the config field's default, click's, or that it is needed."""
    if match := DEFAULT_AT_END.search(param.help or ""):
        return match[1]
    if param.required:
        return "*needed*"
    if param.is_flag and not param.secondary_opts:
        return "off"
    value = None if callable(param.default) else param.default
    text = code(value) if type(value) in (int, float, str, bool) or isinstance(value, Path | list | tuple) else None
    return text or defaults.get(param.name) or "none"


def field_defaults() -> dict[str, str]:
    """The default of every config field, by the name of its flag."""
    names = {field: flag for flag, field in load("aliases").items()}
    defaults: dict[str, str] = {}
    for group in SETTINGS:
        for name, field in load(group).model_fields.items():
            if (text := code(_default(field))) is not None:
                defaults.setdefault(names.get(name, name), text)
    return defaults


# ---------------------------------------------------------------- settings


def settings(group: str) -> str:
    """The fields of a config group."""
    rows = []
    for name, field in load(group).model_fields.items():
        default = None if field.default_factory else code(_default(field))
        rows.append((f"`{name}`", _type(field), default or "none", field.description))
    return table(("field", "type", "default", "meaning"), rows)


def _default(field: Any) -> Any:
    return None if field.default_factory or field.is_required() else field.default


def _type(field: Any) -> str:
    text = re.sub(r"\b(?:typing|pathlib|miner\.[\w.]+)\.", "", _plain(field.annotation))
    return f"`{text}`"


def _plain(hint: Any) -> str:
    """A type as a reader writes it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(map(str, args))
    if origin is typing.Annotated:
        return _plain(args[0])
    if origin in (tuple, list):
        return f"list of {_plain(args[0])}"
    if origin is dict:
        return f"{_plain(args[0])} → {_plain(args[1])}"
    if args:
        return " or ".join(_plain(each) for each in args if each is not type(None))
    return {"SecretStr": "str", "Path": "path"}.get(getattr(hint, "__name__", str(hint)), getattr(hint, "__name__", str(hint)))


def environment() -> str:
    """Every variable, the verbs that read it, and what it sets: of the command line, then of the service."""
    variables: dict[str, tuple[list[str], str]] = {}
    for name, command in verbs():
        for param in command.params:
            if isinstance(param.envvar, str):
                user = "every verb" if param.name in load("common flags") else f"`{name.removeprefix(COMMAND).strip()}`"
                variables.setdefault(param.envvar, ([], without_default(param.help)))[0].append(user)
    rows = [(f"`{name}`", ", ".join(dict.fromkeys(users)), text) for name, (users, text) in sorted(variables.items())]
    return table(("variable", "verbs", "meaning"), rows)


def service_settings() -> str:
    """Every setting of `hardneg serve` as a variable."""
    fields = load("Settings").model_fields
    rows = [(f"`HARDNEG_{name.upper()}`", code(_default(field)) or "none", field.description) for name, field in fields.items()]
    return table(("variable", "default", "meaning"), rows)


def exit_codes() -> str:
    """The codes that the help's last paragraph lists."""
    match = re.search(r"Exit codes: (.*?)\. ", load("cli").info.epilog + " ")
    rows = [(f"`{number}`", text) for number, text in re.findall(r"(\d+) ([^,]+)", match[1] if match else "")]
    return table(("code", "meaning"), rows)


# ---------------------------------------------------------------- parts


def knobs(part: Any) -> list[tuple[str, str, str]]:
    """Name, type and default of every knob of a part."""
    hints = typing.get_type_hints(part)
    rows = []
    for field in dataclasses.fields(part):
        value = None if field.default is dataclasses.MISSING or field.default != field.default else field.default
        rows.append((f"`{field.name}`", f"`{_plain(hints[field.name])}`", code(value) or "none"))
    return rows


def knob_table(part: Any) -> str:
    """The knobs of a part as a table."""
    rows, ranges = knobs(part), getattr(part, "ranges", {})
    if not rows:
        return "No knobs.\n"
    if not ranges:
        return table(("knob", "type", "default"), rows)
    names = [field.name for field in dataclasses.fields(part)]
    full = ((*row, ranges[name].around(name).replace("<=", "≤") if name in ranges else "") for name, row in zip(names, rows, strict=True))
    return table(("knob", "type", "default", "range"), full)


def default_filters() -> str:
    """The filters that run without any flag, as specs."""
    return "```text\n" + "\n".join(load("default filters")) + "\n```\n"


def presets() -> str:
    """What every preset sets."""
    lines = []
    for name, values in load("preset").items():
        lists = {field: (value,) if isinstance(value, str | int) else value for field, value in values.items()}
        settings = [f"`{field}`: " + ", ".join(f"`{each}`" for each in items) for field, items in lists.items()]
        lines.append((f"`{name}`", "; ".join(settings) or "nothing: the defaults"))
    return table(("preset", "settings"), lines)


def escape(text: str) -> str:
    """A docstring as Markdown: paragraphs and code kept, other signs that Markdown would read made plain."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else re.sub(r"([*_<|])", r"\\\1", piece) for piece in pieces)


# ---------------------------------------------------------------- formats


@lru_cache(maxsize=1)
def _run() -> Any:
    """A run over the questions in examples/, by words alone: no model is needed."""
    off = tuple(f"{name}:off" for name in ("near_positive", "nearest", "margin"))
    config = load("MiningConfig").of(sources=("bm25",), filters=off, negatives=2, depth=20)
    return load("mine")(load("read_pairs")(ROOT / "examples" / "faq.csv"), config)


def format_row(name: str) -> str:
    """What `--output-format NAME` writes for one query: the first row of its file, or of each file of its folder."""
    run, kind = _run(), load("format")[name]
    files = _files_of(run, name, ())
    if not kind.layout and (room := [column for column in ("ids", "scores", "ranks", "tiers") if column in kind.optional_columns]):
        files += _files_of(run, name, room)
    return "\n".join(f"{title}:\n\n```{'json' if text[0] in '[{' else 'text'}\n{text}\n```\n" for title, text in files)


def _files_of(run: Any, name: str, columns: Sequence[str]) -> list[tuple[str, str]]:
    """The first row of the file that an export writes, or of every file of its folder, each with a title."""
    config = load("MiningConfig").of(**{**run.config.model_dump(), "output_format": name, "columns": tuple(columns)})
    exported = load("export")(run, config)  # a temporary run goes with its object
    path = exported.file
    if path.is_dir():
        return [(f"`{file.relative_to(path)}`", _first(file)) for file in sorted(path.rglob("*")) if file.is_file()]
    return [(f"With `--column {','.join(columns)}`" if columns else "One row", _first(path))]


def _first(path: Path) -> str:
    """The first row of a file, for people: JSON indented, a table's first line with its header."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return _indented(pq.read_table(path).slice(0, 1).to_pylist()[0])
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        content = json.loads(text)
        if isinstance(content, list):
            return _indented(content[:1])
        return _indented({name: value[:1] if isinstance(value, list) else value for name, value in content.items()})
    lines = text.splitlines()
    if lines and lines[0].startswith("{"):
        return _indented(json.loads(lines[0]))
    return "\n".join(lines[:2])


def _indented(row: Any) -> str:
    """JSON of few lines: lists of numbers and short objects stay on one."""
    text = json.dumps(row, indent=2, ensure_ascii=False)
    return re.sub(r"\[\s+([^\[\]{}\"]*?)\s+\]", lambda match: "[" + " ".join(match[1].split()) + "]", text)


# ---------------------------------------------------------------- service


def http() -> str:
    """A section for each path of the OpenAPI document, then one for each object that bodies are made of."""
    document = openapi()
    lines: list[str] = []
    for path, operations in document["paths"].items():
        lines.append(f"## `{path}`\n")
        for method, operation in operations.items():
            lines.append(_operation(method, operation))
    objects = {name: schema for name, schema in document["components"]["schemas"].items() if schema.get("properties")}
    return "\n".join([*lines, "## Objects\n", *(_object(name, schema) for name, schema in objects.items())])


def _object(name: str, schema: Mapping[str, Any]) -> str:
    """The fields of an object of the document."""
    needed = schema.get("required", ())
    fields = schema["properties"].items()
    rows = [(f"`{field}`", _kind(value), "yes" if field in needed else "no", value.get("description")) for field, value in fields]
    return f"### {name}\n\n{escape(schema.get('description') or '')}\n\n" + table(("field", "type", "needed", "meaning"), rows)


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a value in the document, in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if choices := schema.get("enum") or ([schema["const"]] if "const" in schema else None):
        return " or ".join(f"`{choice}`" for choice in choices)
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_kind(each) for each in several if each.get("type") != "null"))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def openapi() -> dict[str, Any]:
    """The document of a service that is made for it and never started."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load("Settings").of(data_dir=folder, cache=folder)
        document: dict[str, Any] = load("service")(settings).openapi()
    return document


def _operation(method: str, operation: Mapping[str, Any]) -> str:
    description = " ".join((operation.get("description") or operation.get("summary") or "").split())
    lines = [f"### {method.upper()} `{operation.get('operationId', '')}`\n", f"{escape(description)}\n"]
    if parameters := operation.get("parameters"):
        rows = [(f"`{one['name']}`", one["in"], "yes" if one.get("required") else "no", one.get("description")) for one in parameters]
        lines.append(table(("parameter", "in", "needed", "meaning"), rows))
    bodies = (operation.get("requestBody") or {}).get("content", {})
    if bodies:
        lines.append("Body: " + ", ".join(f"`{kind}`{_shape(body)}" for kind, body in bodies.items()) + "\n")
    answers = [(f"`{status}`", answer.get("description")) for status, answer in operation.get("responses", {}).items()]
    return "\n".join([*lines, table(("status", "answer"), answers)])


def _shape(body: Mapping[str, Any]) -> str:
    name = str(body.get("schema", {}).get("$ref", "")).rpartition("/")[2]
    return f" ({name})" if name else ""


def decisions() -> str:
    """Number, title, status and replacement of every decision, from the first lines of its page."""
    rows = []
    for path in sorted(DECISIONS.glob("0*.md")):
        title, header = path.read_text(encoding="utf-8").split("\n\n", 2)[:2]
        number, _, name = title.removeprefix("# ").partition(". ")
        found = HEADER.match(" ".join(header.split()))
        if found is None:
            raise ValueError(f"{path.name}: the line below the title is {header!r}, not *Status: ... Date: ...*")
        status, replacement, date = found.groups()
        rows.append((number, f"[{name}]({path.name})", status.partition(" by ")[0], replacement, date))
    return table(("number", "title", "status", "replaced by", "date"), rows)


KINDS: dict[str, Any] = {
    "decisions": decisions,
    "cli": cli,
    "settings": settings,
    "environment": environment,
    "service settings": service_settings,
    "exit codes": exit_codes,
    "filter knobs": lambda name: knob_table(load("filter")[name]),
    "sampler knobs": lambda name: knob_table(load("sampler")[name]),
    "source knobs": lambda name: knob_table(load("source")[name]),
    "variation knobs": lambda name: knob_table(load("variation")[name]),
    "judge knobs": lambda name: knob_table(load("judge")[name]),
    "format row": format_row,
    "default filters": default_filters,
    "presets": presets,
    "loss knobs": lambda name: knob_table(load("loss")[name]),
    "batch sampler knobs": lambda name: knob_table(load("batch sampler")[name]),
    "change knobs": lambda name: knob_table(load("change")[name]),
    "http": http,
}
