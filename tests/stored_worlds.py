"""Worlds in files, with the config that they were mined under: what the oracle once disagreed with is replayed for ever."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from oracle import World

from miner.config import MiningConfig

FOLDER = Path(__file__).parent / "core" / "worlds"


def save(path: Path, world: World, config: MiningConfig) -> None:
    """Write a world and a config."""
    fields = {name: value for name, value in asdict(world).items() if name != "sources"}
    fields["verdicts"] = [[*pair, verdict] for pair, verdict in world.verdicts.items()]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"config": config.model_dump(mode="json"), "world": fields}, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: Path) -> tuple[World, MiningConfig]:
    """Read them back."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    fields = stored["world"]
    fields["verdicts"] = {(query, passage): verdict for query, passage, verdict in fields["verdicts"]}
    fields["elsewhere"] = {name: (text, grades) for name, (text, grades) in fields["elsewhere"].items()}
    return World(**fields), MiningConfig.of(**stored["config"])
