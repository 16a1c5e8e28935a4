"""The parameters that pruners share."""

from __future__ import annotations

from spaces import Interval, Options, Parameter, Params, Value

RATIO = Parameter(
    "pruning.ratio", Interval(0, 1, open_low=True, open_high=True), help="share of channels, weights … to remove"
)

BY_SENSITIVITY = "sensitivity"

SCOPE = Parameter(
    "pruning.scope",
    Options(("local", "global", BY_SENSITIVITY)),
    default="local",
    help="each layer by the same ratio, the least important of all layers, or more where it costs less accuracy",
)

ROUND_TO = Parameter(
    "pruning.round_to",
    Interval(1, 1_024, integer=True),
    default=8,
    help="kept widths are multiples of this: odd widths make a smaller network slower",
)


def value_of(parameter: Parameter, params: Params) -> Value:
    """Return the value of `parameter` in `params`, by key; its default if they have none.

    Raises:
        KeyError: they say nothing, and it has no default.
    """
    return params[parameter.key] if parameter.default is None else params.get(parameter.key, parameter.default)


def is_global(params: Params) -> bool:
    """Return True if all layers are ranked together."""
    return value_of(SCOPE, params) == "global"


def is_local(params: Params) -> bool:
    """Return True if each layer loses the same ratio: what is left of it does not depend on its weights."""
    return value_of(SCOPE, params) == "local"


def ratio_label(word: str, params: Params) -> str:
    """`word`, the ratio, and the first letter of any scope but the local one, such as ``ch0.5g``."""
    scope = value_of(SCOPE, params)
    return f"{word}{params['ratio']:g}{'' if scope == SCOPE.default else str(scope)[0]}"


def width_label(word: str, params: Params) -> str:
    """As `ratio_label`, with the rounding unless it is the default: ``ch0.5r16``."""
    round_to = value_of(ROUND_TO, params)
    return ratio_label(word, params) + (f"r{round_to}" if round_to != ROUND_TO.default else "")
