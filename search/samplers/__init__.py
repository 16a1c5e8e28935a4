"""Samplers that suggest points of a space. A new one is a file here with a `Sampler`, and its line in `SAMPLERS`."""

from search.samplers.nsga2 import Nsga2
from search.samplers.nsga3 import Nsga3
from search.samplers.qmc import Qmc
from search.samplers.random import Random
from search.samplers.sampler import Sampler
from search.samplers.tpe import Tpe

SAMPLERS: dict[str, Sampler] = {sampler.name: sampler for sampler in (Tpe(), Nsga2(), Nsga3(), Qmc(), Random())}

__all__ = ["SAMPLERS", "Nsga2", "Nsga3", "Qmc", "Random", "Sampler", "Tpe"]
