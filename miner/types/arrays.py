"""The arrays everything is made of, and the few words with a fixed choice."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Rows = NDArray[np.int32]
Bools = NDArray[np.bool_]
Codes = NDArray[np.uint8]
Priority = NDArray[np.float64]

Side = Literal["query", "passage"]
Similarity = Literal["cosine", "dot", "euclidean"]
