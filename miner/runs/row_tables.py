"""The rows of a training file as tables of the libraries that people use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miner.errors import ConfigError

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    import polars as pl
    import pyarrow as pa


class RowTables:
    """Hands over its rows as tables in memory."""

    @property
    def file(self) -> Path:
        """The training file, or datasets folder."""
        raise NotImplementedError

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of the training file."""
        raise NotImplementedError

    def to_arrow(self) -> pa.Table:
        """Return the rows as a pyarrow.Table. InputError where a column holds values of two types."""
        from miner.io.arrow_files import to_table

        return to_table(self.rows(), self.file.name)

    def to_dataset(self) -> datasets.Dataset:
        """Return the rows as a datasets.Dataset, as trainers take it."""
        import datasets

        return datasets.Dataset(self.to_arrow())

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a pandas.DataFrame."""
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a polars.DataFrame. ConfigError where polars is not installed."""
        try:
            import polars as pl
        except ImportError:
            raise ConfigError("to_polars needs polars, which is not installed: pip install polars") from None
        return pl.DataFrame(self.to_arrow())

    def push_to_hub(self, repo_id: str, **options: Any) -> Any:
        """Upload the rows to the Hugging Face hub, with the options of `datasets.Dataset.push_to_hub`."""
        return self.to_dataset().push_to_hub(repo_id, **options)
