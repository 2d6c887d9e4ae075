"""Samplers: which of the candidates that were kept become negatives. Each returns a priority; the M highest kept are taken."""

from miner.samplers.top import Top
from miner.samplers.uniform import Uniform
from miner.types import Sampler

SAMPLERS: dict[str, type[Sampler]] = {"top": Top, "uniform": Uniform}
