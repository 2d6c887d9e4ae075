"""Test values of one set told apart by the beginning of the query's id: is a difference everywhere, or in one family of queries?

    python experiments/downstream/families.py --cells WORK/cells/debian-en --data FOLDER --prefix libghc-

For every arm and rate, over the seeds that are there: queries of the family and the others, how many, mean nDCG@10.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from miner.config import Inputs
from miner.read import read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--prefix", required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        queries = read(Inputs.of(data=str(given.data), split=("test",)), Path(folder)).queries
        family = np.array([name.startswith(given.prefix) for name in queries.ids(np.arange(len(queries)))])
    print(
        f"| arm | rate | seeds | {given.prefix}* ({family.sum():,}) | others ({(~family).sum():,}) |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for arm in sorted(given.cells.iterdir()):
        for rate in sorted({cell.name.rpartition("-")[0] for cell in arm.iterdir()}, key=float):
            values = np.array([np.load(file) for file in sorted(arm.glob(f"{rate}-*/test.npy"))])
            mean = values.mean(axis=0)
            print(f"| {arm.name} | {rate} | {len(values)} | {mean[family].mean():.4f} | {mean[~family].mean():.4f} |")


if __name__ == "__main__":
    main()
