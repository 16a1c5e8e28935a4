"""The sections of a sweep's file that a search reads: what is searched, how, where, and what is kept where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pipelines import RUNTIMES, Section, Target
from search.config.budget import Budget
from search.samplers import SAMPLERS
from spaces import illegal


class TaskSection(Section):
    """The task and its arguments.

    Attributes:
        use: A built-in name, or ``package.module:ClassName``.
        args: Keyword arguments of the class.
    """

    use: str
    args: dict[str, Any] = Field(default_factory=dict)


class TargetSection(Section):
    """The target that the exported file has to run on; see `pipelines.Target`."""

    runtime: str = Target.runtime
    device: str = Target.device
    batch: Annotated[int, Field(ge=1)] = Target.batch
    threads: Annotated[int, Field(ge=1)] = Target.threads

    @field_validator("device")
    @classmethod
    def _device(cls, device: str, info: ValidationInfo) -> str:
        """One of the runtime's own, or of any if the runtime is unknown."""
        named = RUNTIMES.get(info.data.get("runtime", ""))
        legal = list(dict.fromkeys(each for one in ([named] if named else RUNTIMES.values()) for each in one.devices))
        if device not in legal:
            raise PydanticCustomError("illegal", "{problem}", {"problem": illegal(device, legal)})
        return device

    def value(self) -> Target:
        """The target that it describes."""
        return Target(self.runtime, self.device, self.batch, self.threads)


DEFAULT_TRIALS = 40


def _budget(value: object) -> Budget | None:
    try:
        return None if value is None else Budget.parse(value)
    except ValueError as error:
        raise PydanticCustomError("budget", "{problem}", {"problem": str(error)}) from None


class SearchSection(Section):
    """The search of the space.

    Attributes:
        sampler: The name of the one that suggests; see `search.samplers`.
        trials: How many recipes are tried in all, the uncompressed teacher included; None if only the budget counts.
            `DEFAULT_TRIALS`, when both are absent.
        budget: How much time they may take in all; see `search.config.budget`. With both, whichever is used up first
            ends the sweep.
        seed: Of the sampler and of every training.
        remeasure: Whether the front is measured again when the search has ended; see `search.analysis.remeasuring`.
        lookahead: How many suggestions are looked at for one that need not wait for what other trials compute; 1 takes
            them in order; four for each trial that runs at once, when absent. See `search.suggest.suggestion_buffer`.
        suffix_variants: Whether cheap continuations of what was computed are tried beside what the sampler suggests;
            see `search.suggest.suffix_variants`.
        stopping: Which trials end early: none, those whose structure can win nothing, or with ``halving`` also those
            that do badly early in their trainings; see `search.stopping.stopping`.
    """

    sampler: str = "tpe"
    trials: Annotated[int, Field(ge=1)] | None = None
    budget: Annotated[Budget | None, PlainValidator(_budget)] = None
    seed: Annotated[int, Field(ge=0)] = 0
    remeasure: bool = True
    lookahead: Annotated[int, Field(ge=1)] | None = None
    suffix_variants: bool = True
    stopping: Literal["none", "structure", "halving"] = "structure"

    @field_validator("sampler")
    @classmethod
    def _sampler(cls, sampler: str) -> str:
        """One that is registered."""
        if sampler not in SAMPLERS:
            raise PydanticCustomError("illegal", "{problem}", {"problem": illegal(sampler, list(SAMPLERS))})
        return sampler

    @model_validator(mode="before")
    @classmethod
    def _end(cls, data: Any) -> Any:
        """A sweep must end."""
        if isinstance(data, Mapping) and data.get("trials") is None and data.get("budget") is None:
            return {**data, "trials": DEFAULT_TRIALS}
        return data

    @property
    def extent(self) -> str:
        """After what the sweep ends, for people: such as ``40 trials``, ``2h``, or both."""
        ends = [f"{self.trials} trials"] if self.trials else []
        ends += [str(self.budget)] if self.budget else []
        return " or ".join(ends) + (" (whichever ends first)" if len(ends) > 1 else "")


class ClusterSection(Section):
    """The resources on which trials run; the words are Ray's.

    Attributes:
        address: ``local`` starts Ray on this machine; anything else is the address of a running cluster.
        cpus_per_trial: Processors, and threads for training, of one trial.
        gpus_per_trial: GPUs of one trial; fractions share one.
        max_concurrent_trials: How many trials run at once; as many as fit, when absent.
    """

    address: str = "local"
    cpus_per_trial: Annotated[int, Field(ge=1)] = 1
    gpus_per_trial: Annotated[float, Field(ge=0)] = 0
    max_concurrent_trials: Annotated[int, Field(ge=1)] | None = None


class TrackingSection(Section):
    """The place where MLflow keeps the sweep.

    Attributes:
        experiment: The experiment's name; the sweep's, when absent.
        uri: The tracking server; the workspace's own store, when absent.
    """

    experiment: str | None = None
    uri: str | None = None


class StoreSection(Section):
    """The place where results of stages are kept, and its limit.

    Attributes:
        url: An fsspec URL, such as ``s3://bucket/folder``, that machines share; the workspace's folder is then a copy
            of what was used here. Only that folder, when absent.
        limit_gb: What the folder, and the URL, may hold; what was not used for longest goes first, and never what a
            front needs. No limit, when absent.
    """

    url: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.:-]*://")] | None = None
    limit_gb: Annotated[float, Field(gt=0)] | None = None
