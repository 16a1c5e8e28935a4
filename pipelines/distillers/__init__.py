"""Ways to learn from a teacher. A new one is a file here with a `Distiller`, and its line in `FEATURES`."""

from collections.abc import Mapping

from pipelines.distillers.activation_recorder import ActivationRecorder
from pipelines.distillers.attention import Attention
from pipelines.distillers.distiller import Distiller, FeatureDistiller
from pipelines.distillers.hint import Hint
from pipelines.distillers.point import Point
from pipelines.distillers.relational import Relational
from pipelines.distillers.response import Response, response_parameters
from pipelines.distillers.signals import Signals

RESPONSE = Response()

FEATURES: Mapping[str, FeatureDistiller] = {
    distiller.name: distiller for distiller in (Hint(), Attention(), Relational())
}
"""What ``distillation.feature`` may name."""

__all__ = [
    "FEATURES",
    "RESPONSE",
    "ActivationRecorder",
    "Distiller",
    "FeatureDistiller",
    "Point",
    "Signals",
    "response_parameters",
]
