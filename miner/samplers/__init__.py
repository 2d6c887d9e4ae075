"""Samplers: which of the candidates that were kept become negatives. Each returns a priority; the M highest kept are taken."""

from miner.samplers.ambiguous import Ambiguous
from miner.samplers.disagreement import Disagreement
from miner.samplers.diverse import Diverse
from miner.samplers.softmax import Softmax
from miner.samplers.stratified import Stratified
from miner.samplers.top import Top
from miner.samplers.uniform import Uniform
from miner.types import Sampler

SAMPLERS: dict[str, type[Sampler]] = {
    "top": Top,
    "uniform": Uniform,
    "softmax": Softmax,
    "ambiguous": Ambiguous,
    "stratified": Stratified,
    "diverse": Diverse,
    "disagreement": Disagreement,
}
