"""The section of a sweep's file that names layers which pruning and quantization must not touch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from pipelines.networks.exclusion import Exclusion
from pipelines.training.settings import Section
from spaces import shown

Step = Literal["pruning", "quantization"]


def _names(given: Any) -> tuple[str, ...]:
    """Several names of layers; one may be given alone."""
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        problem = f"{shown(given)} is not a list of names of layers, such as [head, 'blocks.0.*']"
        raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
    return tuple(dict.fromkeys(names))


Names = Annotated[tuple[str, ...], PlainValidator(_names)]


class Exclude(Section):
    """Layers that stay as they are.

    Attributes:
        pruning: Names of modules or parameters that no pruning changes; see `Exclusion`.
        quantization: Those that stay in floating point.
    """

    pruning: Names = ()
    quantization: Names = ()

    def of(self, step: Step) -> Exclusion:
        """What `step` must not touch."""
        return Exclusion(self.quantization if step == "quantization" else self.pruning)

    def settings(self, step: Step) -> Mapping[str, Any]:
        """What goes into the keys of the stages of `step`: nothing, where nothing is excluded."""
        patterns = self.of(step).patterns
        return {"exclude": sorted(patterns)} if patterns else {}


NOTHING = Exclude()
"""Every layer may be touched."""
