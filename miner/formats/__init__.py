"""Training files: the formats that trainers read, written and read back. `row_readers` and `io.row_writer` read and write the files."""

from miner.formats.file_sets import open_training
from miner.formats.row_format import Format, TrainingRow
from miner.formats.table import FORMATS
from miner.formats.training_file import file_rows, read_training, recognise
from miner.formats.writer import RowWriter

__all__ = ["FORMATS", "Format", "RowWriter", "TrainingRow", "file_rows", "open_training", "read_training", "recognise"]
