"""The pipeline against the oracle on worlds that nobody has seen: python tests/long/fresh_worlds.py [--worlds N] [--seed S]

The worlds of the suite are the same every time; these follow from a seed of the moment, which is printed. A world on which the two differ
is written to tests/core/worlds, where the suite replays it from then on, and the script ends with 1.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

import oracle  # noqa: E402 - found by the line above
from stored_worlds import FOLDER, save  # noqa: E402
from worlds import SIMILARITIES, STYLES, config_of, make, mined  # noqa: E402

from miner.config import MiningConfig  # noqa: E402


def drawn(seed: int) -> tuple[oracle.World, MiningConfig]:
    """The world and the config of a seed."""
    rng = np.random.default_rng(seed)
    world = make(
        seed,
        passages=int(rng.integers(3, 90)),
        queries=int(rng.integers(1, 9)),
        dim=int(rng.integers(1, 9)),
        similarity=str(rng.choice(SIMILARITIES)),
        style=str(rng.choice(STYLES)),
        verdicts=bool(rng.integers(0, 2)),
    )
    return world, config_of(seed, verdicts=True)


def differs(seed: int, folder: Path = FOLDER) -> Path | None:
    """The file of a world on which pipeline and oracle differ, or one of them fails; None where they are equal."""
    world, config = drawn(seed)
    try:
        if mined(world, config) == oracle.mine(world, config):
            return None
    except Exception as error:  # noqa: BLE001 - whatever it is, the world shows it
        print(f"world {seed}: {type(error).__name__}: {error}", flush=True)
    path = folder / f"{seed}.json"
    save(path, world, config)
    return path


def main() -> None:
    """Draw and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=None, help="of the first world; the next ones count up. Default: by chance")
    arguments = parser.parse_args()
    logging.getLogger("miner").setLevel(logging.ERROR)  # every world has verdicts on unknown passages: no need to hear of each
    first = secrets.randbits(40) if arguments.seed is None else arguments.seed
    print(f"worlds {first} to {first + arguments.worlds - 1} (--seed {first} draws them again)", flush=True)
    different = [path for seed in range(first, first + arguments.worlds) if (path := differs(seed))]
    for path in different:
        print(f"pipeline and oracle differ on {path}")
    print(f"{arguments.worlds - len(different)} of {arguments.worlds} worlds are equal")
    sys.exit(bool(different))


if __name__ == "__main__":
    main()
