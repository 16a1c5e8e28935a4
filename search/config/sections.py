"""The sections of a sweep's file that a search reads: what is searched, how, where, and what is kept where."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pipelines import RUNTIMES, Section, Target, within
from search.config.budget import Budget, parse_time
from search.config.memory import parse_memory
from search.config.tracking_address import address_problem
from search.samplers import SAMPLERS
from spaces import Interval, counted, illegal, shown

BATCH, THREADS = Interval(1, 65_536, integer=True), Interval(1, 1_024, integer=True)
RESOURCE, RAYS_OWN = r"[A-Za-z][A-Za-z0-9_]{0,62}", ("CPU", "GPU", "TPU", "memory", "object_store_memory")
LIMIT_GB = Interval(0, 1_000_000)


def whole(low: int, high: int) -> PlainValidator:
    """The validator of a whole number from `low` to `high`."""
    return within(Interval(low, high, integer=True))


Text = Annotated[str, Field(min_length=1, max_length=500)]


class TaskSection(Section):
    """The task and its arguments.

    Attributes:
        use: A built-in name, or ``package.module:ClassName``.
        args: Keyword arguments of the class.
    """

    use: Text
    args: dict[str, Any] = Field(default_factory=dict)

    @field_validator("args")
    @classmethod
    def _args(cls, args: dict[str, Any]) -> dict[str, Any]:
        """They are part of the keys of results, and are sent to workers: data that JSON can say."""
        if problem := _no_data(args):
            raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
        return args


def _no_data(value: Any, where: str = "") -> str:
    """Return why `value`, found at `where` in the arguments, is no plain data; empty if it is."""
    if isinstance(value, Mapping):
        if wrong := next((key for key in value if isinstance(key, bool) or not isinstance(key, (str, int))), None):
            return f"{where or 'they'} has the key {shown(wrong)}, which is not text"
        found = (_no_data(each, f"{where}.{key}".lstrip(".")) for key, each in value.items())
        return next(filter(None, found), "")
    if isinstance(value, (list, tuple)):
        return next(filter(None, (_no_data(each, f"{where}[{index}]") for index, each in enumerate(value))), "")
    if isinstance(value, float) and not math.isfinite(value):
        return f'{where} is {value!r}; give a finite number, or text such as "{value!r}" that the task turns into one'
    if value is not None and not isinstance(value, (str, int, float)):
        kind = type(value).__name__
        return f"{where} is {shown(value)}, a {kind}; legal: text, numbers, true, false, null, lists and mappings"
    return ""


class TargetSection(Section):
    """The target that the exported file has to run on; see `pipelines.Target`.

    Attributes:
        resource: The resource that nodes offer to Ray on which files are measured; where they are built, when absent.
    """

    runtime: str = Target.runtime
    device: str = Target.device
    batch: Annotated[int, within(BATCH)] = Target.batch
    threads: Annotated[int, within(THREADS)] = Target.threads
    resource: str | None = None

    @field_validator("resource")
    @classmethod
    def _resource(cls, resource: str | None) -> str | None:
        """A name that nodes of a cluster can offer to Ray, and that is none of Ray's own."""
        if resource is not None and (not re.fullmatch(RESOURCE, resource) or resource in RAYS_OWN):
            problem = f"{shown(resource)} is not the name of a resource of your own, such as edge"
            raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
        return resource

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
        return Target(self.runtime, self.device, self.batch, self.threads, self.resource or "")


DEFAULT_TRIALS = 40


def _budget(value: object) -> Budget | None:
    try:
        return None if value is None else Budget.parse(value)
    except ValueError as error:
        raise PydanticCustomError("budget", "{problem}", {"problem": str(error)}) from None


def _seconds(value: object) -> int | None:
    try:
        return None if value is None else parse_time(value)
    except ValueError as error:
        raise PydanticCustomError("illegal", "{problem}", {"problem": str(error)}) from None


def _bytes(value: object) -> int | None:
    try:
        return None if value is None else parse_memory(value)
    except ValueError as error:
        raise PydanticCustomError("illegal", "{problem}", {"problem": str(error)}) from None


class SearchSection(Section):
    """The search of the space.

    Attributes:
        sampler: The name of the one that suggests; see `search.samplers`.
        trials: How many recipes are tried in all, the uncompressed teacher included; None if only the budget counts.
            `DEFAULT_TRIALS`, when nothing else ends the sweep.
        budget: How much time they may take in all; see `search.config.budget`. With both, whichever is used up first
            ends the sweep.
        patience: The sweep ends when so many further trials promise less than `min_gain`; it does not end by itself,
            when absent. See `search.suggest.patience`.
        min_gain: The share by which the hypervolume has to promise to grow within the `patience`.
        warm_start: Earlier sweeps of the same task from which it learns; see `search.suggest.warm_start`.
        seed: Of the sampler and of every training.
        remeasure: Whether the front is measured again when the search has ended; see `search.analysis.remeasuring`.
        lookahead: How many suggestions are looked at for one that need not wait for what other trials compute; 1 takes
            them in order; four for each trial that runs at once, when absent. See `search.suggest.suggestion_buffer`.
        suffix_variants: Whether cheap continuations of what was computed are tried beside what the sampler suggests;
            see `search.suggest.suffix_variants`.
        first_batch: Whether it begins with few networks, from each of which it goes on in several ways, instead of with
            what the sampler draws at random; see `search.suggest.first_batch`.
        stopping: Which trials end early: none, those whose structure can win nothing, or with ``halving`` also those
            that do badly early in their trainings; see `search.stopping.stopping`.
    """

    sampler: str = "tpe"
    trials: Annotated[int, whole(1, 100_000)] | None = None
    budget: Annotated[Budget | None, PlainValidator(_budget)] = None
    patience: Annotated[int, whole(1, 10_000)] | None = None
    min_gain: Annotated[float, within(Interval(0, 1, open_low=True))] = 0.02
    warm_start: list[Text] = Field(default_factory=list)
    seed: Annotated[int, whole(0, 2**63 - 1)] = 0
    remeasure: bool = True
    lookahead: Annotated[int, whole(1, 1_000)] | None = None
    suffix_variants: bool = True
    first_batch: bool = True
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
        if isinstance(data, Mapping) and all(data.get(key) is None for key in ("trials", "budget", "patience")):
            return {**data, "trials": DEFAULT_TRIALS}
        return data

    @property
    def extent(self) -> str:
        """After what the sweep ends, for people: such as ``40 trials``, ``2h``, or both."""
        ends = [counted(self.trials, "trial")] if self.trials else []
        ends += [str(self.budget)] if self.budget else []
        ends += [f"a patience of {counted(self.patience, 'trial')}"] if self.patience else []
        return " or ".join(ends) + (" (whichever ends first)" if len(ends) > 1 else "")


class ClusterSection(Section):
    """The resources on which trials run; the words are Ray's.

    Attributes:
        address: ``local`` starts Ray on this machine; anything else is the address of a running cluster.
        cpus_per_trial: Processors, and threads for training, of one trial.
        gpus_per_trial: GPUs of one trial, which train a network together; fractions share one.
        max_concurrent_trials: How many trials run at once; as many as fit, when absent.
        trial_timeout: In seconds, after which a trial is ended on its worker; see `search.execution.trial_limits`.
        stage_timeout: Each stage of a trial is ended after so many times what ``plan`` expects of it.
        memory_per_trial: In bytes, what a trial takes of a node's memory, and may use of it.
    """

    address: Text = "local"
    cpus_per_trial: Annotated[int, whole(1, 1_024)] = 1
    gpus_per_trial: Annotated[float, within(Interval(0, 64))] = 0
    max_concurrent_trials: Annotated[int, whole(1, 10_000)] | None = None
    trial_timeout: Annotated[int | None, PlainValidator(_seconds)] = None
    stage_timeout: Annotated[float, within(Interval(2, 1_000))] | None = None
    memory_per_trial: Annotated[int | None, PlainValidator(_bytes)] = None

    @field_validator("address")
    @classmethod
    def _no_client(cls, address: str) -> str:
        """A sweep is driven from within the cluster: when Ray Client's connection breaks, its work ends."""
        if address.startswith("ray://"):
            problem = (
                f"{address!r} is an address of Ray Client, through which no sweep can be run: run the command on a "
                "machine of the cluster with auto, or have Ray start it there with ray job submit (docs/clusters.md)"
            )
            raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
        return address

    @field_validator("gpus_per_trial")
    @classmethod
    def _gpus(cls, gpus: float) -> float:
        """A training uses a share of a GPU, or whole ones."""
        if gpus > 1 and gpus % 1:
            problem = f"{gpus:g} is neither a share of one GPU nor a number of whole ones; legal: at most 1, or 2, 3, …"
            raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
        return gpus


class TrackingSection(Section):
    """The place where MLflow keeps the sweep.

    Attributes:
        experiment: The experiment's name; the sweep's, when absent.
        uri: The tracking server; the workspace's own store, when absent.
    """

    experiment: Text | None = None
    uri: Text | None = None

    @field_validator("uri")
    @classmethod
    def _address(cls, uri: str | None) -> str | None:
        """Take what MLflow can use; whether it answers, a run finds out."""
        if uri is not None and (problem := address_problem(uri)):
            raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
        return uri


class StoreSection(Section):
    """The place where results of stages are kept, and its limit.

    Attributes:
        url: An fsspec URL, such as ``s3://bucket/folder``, that machines share; the workspace's folder is then a copy
            of what was used here. Only that folder, when absent.
        limit_gb: What the folder, and the URL, may hold; what was not used for longest goes first, and never what a
            front needs. No limit, when absent.
    """

    url: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.:-]*://")] | None = None
    limit_gb: Annotated[float, within(replace(LIMIT_GB, open_low=True))] | None = None


class NotifySection(Section):
    """Who is told how a sweep goes; see `search.notifier`.

    Attributes:
        webhook: The URL to which is posted at the end, on failure, and when nothing finishes; nobody's, when absent.
        command: A shell command that is run instead, or as well, and reads the same.
        silence: In seconds, after which it is told that no trial has finished; never, when absent.
    """

    webhook: Annotated[str, Field(max_length=2_000)] | None = None
    command: Text | None = None
    silence: Annotated[int | None, PlainValidator(_seconds)] = None

    @field_validator("webhook")
    @classmethod
    def _url(cls, webhook: str | None) -> str | None:
        """An address of the web."""
        if webhook is not None and not re.match(r"https?://[^\s/]+", webhook):
            problem = "is not an address such as https://hooks.example/T0/B0; it is not shown, as it may be a secret"
            raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
        return webhook

    @model_validator(mode="after")
    def _told(self) -> NotifySection:
        """Silence is told to somebody."""
        if self.silence and not (self.webhook or self.command):
            problem = "silence is told to nobody; add notify.webhook or notify.command"
            raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
        return self
