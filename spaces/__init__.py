"""What may vary: parameters, axes, steps, recipes. Standard library only."""

from spaces.axis import Axis
from spaces.digest import digest
from spaces.errors import InputError, Problem, illegal
from spaces.parameter import NONE, Interval, Only, Options, Parameter, Params, Value, When
from spaces.recipe import Recipe, Step
from spaces.space import SearchSpace
from spaces.step import StepSpec

__all__ = [
    "NONE",
    "Axis",
    "InputError",
    "Interval",
    "Only",
    "Options",
    "Parameter",
    "Params",
    "Problem",
    "Recipe",
    "SearchSpace",
    "Step",
    "StepSpec",
    "Value",
    "When",
    "digest",
    "illegal",
]
