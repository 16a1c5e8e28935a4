"""The parameters that several quantization schemes share, and how they are written in a label."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.declaration import Unsuited
from spaces import NONE, Interval, Options, Parameter, Params

ALL = "all"


class Size(Interval):
    """A number of examples, or ``all``."""

    def problem(self, value: object) -> str | None:
        """Return why `value` is not in the domain, or None if it is."""
        return None if value == ALL else super().problem(value)

    def __str__(self) -> str:
        return f"{super().__str__()}, or {ALL}"


CALIBRATOR = Parameter(
    "quantization.calibrator",
    Options(("minmax", "entropy", "percentile")),
    default="minmax",
    help="how an activation's range is found",
)
GRANULARITY = Parameter(
    "quantization.granularity",
    Options(("channel", "tensor")),
    default="channel",
    help="one scale per output channel of a weight, or one per weight",
)
AUTO, EVERY, PRODUCTS = "auto", "all", "matmul-conv"
OPERATORS = Parameter(
    "quantization.operators",
    Options((AUTO, EVERY, PRODUCTS)),
    default=AUTO,
    help="which operators become integers: all that can, or convolutions, embeddings and matrix products with weights "
    "only; auto: the latter for transformers",
)
CALIBRATION_SIZE = Parameter(
    "quantization.calibration_size",
    Size(1, 1_000_000, integer=True),
    default=ALL,
    help="how many examples of the calibration split are used, the first ones",
)
SMOOTH, EQUALIZE = "smooth", "equalize"
MITIGATION = Parameter(
    "quantization.mitigation",
    Options((NONE, SMOOTH, EQUALIZE)),
    default=NONE,
    help="what is done against the error of rounding; smooth: outliers of activations are moved into weights; "
    "equalize: ranges of channels between two layers are made alike",
)
KEEP_FLOAT = Parameter(
    "quantization.keep_float",
    Interval(0, 1, open_high=True),
    default=0,
    help="share of the layers that stays in floating point: those that quantizing hurts most, as measured",
)
AGREEMENT = Parameter(
    "quantization.agreement",
    Interval(0, 1),
    default=0,
    help="share of the calibration examples that get the answer of the unquantized file: more layers stay in floating "
    "point until it is reached",
)
KEEPING = (KEEP_FLOAT, AGREEMENT)
"""What decides which layers stay in floating point."""


NOT_FUSED_ON_CUDA = Unsuited(
    "is slower than floating point there: the CUDA provider has no integer kernels for it, rounds with operators of "
    "their own, some of them on the CPU, and so cannot use a CUDA graph (ResNet-50, batch 1, one H100: 2.70 ms against "
    "0.92 ms; use fp16)",
    device="cuda",
    runtime="onnxruntime",
)


def keeps_none(params: Params) -> bool:
    """Return True if every layer is quantized: which ones stay in floating point depends on their weights."""
    return not any(params.get(parameter.key, parameter.default) for parameter in KEEPING)


_FORMS = {CALIBRATION_SIZE.key: "n{}", KEEP_FLOAT.key: "keep{:g}", AGREEMENT.key: "agree{:g}", "palettes": "p{}"}


def refined(name: str, params: Params, parameters: Sequence[Parameter]) -> str:
    """The label of scheme `name`: beside it stands what differs from the defaults, as in ``static-int8·entropy``."""
    changed = [p for p in parameters if params.get(p.key, p.default) != p.default]
    return "·".join([name, *(_FORMS.get(p.key, "{}").format(params[p.key]) for p in changed)])
