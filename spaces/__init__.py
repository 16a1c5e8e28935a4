"""Spaces: parameters, axes, steps, recipes. Standard library only."""

from spaces.axis import Axis
from spaces.counted import counted, noun
from spaces.digest import digest
from spaces.errors import InputError, Problem, illegal, listed, near_miss, shown
from spaces.gain import Gain
from spaces.order import ORDER
from spaces.parameter import NONE, AnyValue, Interval, Options, Parameter, Params, Value, When
from spaces.recipe import Recipe, Step
from spaces.requirement import Requirement
from spaces.rule import Rule
from spaces.space import SearchSpace
from spaces.step import Form, StepSpec

__all__ = [
    "NONE",
    "ORDER",
    "AnyValue",
    "Axis",
    "Form",
    "Gain",
    "InputError",
    "Interval",
    "Options",
    "Parameter",
    "Params",
    "Problem",
    "Recipe",
    "Requirement",
    "Rule",
    "SearchSpace",
    "Step",
    "StepSpec",
    "Value",
    "When",
    "counted",
    "digest",
    "illegal",
    "listed",
    "near_miss",
    "noun",
    "shown",
]
