"""The section of a sweep's file that a pipeline reads: how networks are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, PlainValidator, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pipelines.training.optimizer_choice import ADAMW, OptimizerChoice
from spaces import Interval


def within(legal: Interval) -> PlainValidator:
    """The validator of a section's number: its message says which numbers are `legal`."""

    def check(value: Any) -> float:
        if message := legal.problem(value):
            raise PydanticCustomError("illegal", "{problem}", {"problem": message})
        return int(value) if legal.integer else float(value)

    return PlainValidator(check)


def _chosen(given: Any) -> dict[str, Any]:
    """The name of an optimizer and its arguments, as one mapping."""
    try:
        return OptimizerChoice.read(given).dump()
    except ValueError as error:
        raise PydanticCustomError("illegal", "{problem}", {"problem": str(error)}) from None


Kind = Literal["teacher", "student", "finetune", "qat"]
"""The kinds of training: of the teacher, of a student, after a cut, and with rounded weights."""

KINDS: tuple[Kind, ...] = get_args(Kind)

QAT_RATE = 0.1
"""The learning rate of quantization-aware training as a share of the others': the network is moved a little."""

GENTLE_RATE = 0.05
"""The learning rate of networks that were trained elsewhere, as a share of that of networks that begin at random."""

Epochs = Annotated[int, within(Interval(0, 1_000_000, integer=True))]
Rate = Annotated[float, within(Interval(0, 1, open_low=True))]
Share = Annotated[float, within(Interval(0, 1, open_high=True))]
Decay = Annotated[float, within(Interval(0, 1))]
Count = Annotated[int, within(Interval(1, 100_000, integer=True))]
Norm = Annotated[float, within(Interval(0, 1e6, open_low=True))]
WarmUp = Annotated[float, within(Interval(0, 1_000_000))]
Schedule = Literal["cosine", "linear", "wsd"]
Precision = Literal["fp32", "bf16", "fp16"]
Optimizer = Annotated[dict[str, Any], PlainValidator(_chosen)]


class Section(BaseModel):
    """A section of a sweep's file: frozen, without unknown keys, without silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Hyperparameters(Section):
    """The settings of one training, epochs apart.

    Attributes:
        optimizer: A name in ``torch.optim``, in whatever case, or a mapping of ``name`` and its arguments.
        learning_rate: Its peak rate.
        weight_decay: The optimizer's, if it has one; AdamW's is decoupled.
        schedule: How the rate falls to zero, step by step: along a cosine, a line, or in the last fifth of the epochs
            only (``wsd``), so that what was learned before can be gone on from with more epochs.
        warmup_epochs: In how many epochs, or which part of one, the rate rises to its peak; for all kinds together, of
            teacher and students only.
        clip_norm: Gradients are scaled down to this norm; None leaves them.
        accumulate: Batches whose gradients one step of the optimizer takes together, as their mean.
        label_smoothing: Share of a label that is spread over all classes; of cross-entropy only.
        ema: Decay of an average of the weights that becomes the result; 0 takes the last weights.
        patience: Epochs without a smaller loss on the ``calibration`` split after which the training ends and its best
            weights are taken; None trains to the end.
        precision: What products and convolutions are computed in; weights stay in fp32.
        channels_last: Whether images lie in memory with the channels last.
        compile: Whether networks go through ``torch.compile``.
    """

    optimizer: Optimizer = ADAMW.dump()
    learning_rate: Rate = 2e-3
    weight_decay: Decay = 1e-2
    schedule: Schedule = "cosine"
    warmup_epochs: WarmUp = 0.0
    clip_norm: Norm | None = None
    accumulate: Count = 1
    label_smoothing: Share = 0.0
    ema: Share = 0.0
    patience: Count | None = None
    precision: Precision = "fp32"
    channels_last: bool = False
    compile: bool = False

    @property
    def chosen_optimizer(self) -> OptimizerChoice:
        """The optimizer and its arguments."""
        return OptimizerChoice.read(self.optimizer)

    def settings(self) -> dict[str, Any]:
        """Return what a training depends on, except for its epochs: part of its stage's key."""
        return {name: getattr(self, name) for name in Hyperparameters.model_fields}


class Overrides(Section):
    """The hyperparameters of one kind of training that differ from those of all; see `Hyperparameters`."""

    optimizer: Optimizer | None = None
    learning_rate: Rate | None = None
    weight_decay: Decay | None = None
    schedule: Schedule | None = None
    warmup_epochs: WarmUp | None = None
    clip_norm: Norm | None = None
    accumulate: Count | None = None
    label_smoothing: Share | None = None
    ema: Share | None = None
    patience: Count | None = None
    precision: Precision | None = None
    channels_last: bool | None = None
    compile: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _epochs(cls, data: Any) -> Any:
        """There is one place for epochs."""
        if isinstance(data, Mapping) and "epochs" in data:
            kinds = ", ".join(f"{kind}_epochs" for kind in KINDS)
            problem = f"has no epochs; they stand in training itself, as {kinds}"
            raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
        return data


class Training(Hyperparameters):
    """Settings of training: for all kinds together, and what differs in each; unless the task has its own ``fit``.

    Attributes:
        teacher_epochs: Passes over the training split for the teacher; 0 if ``teacher()`` comes trained.
        student_epochs: Passes for each distilled student.
        finetune_epochs: Passes after pruning.
        qat_epochs: Passes of quantization-aware training, at a tenth of the learning rate unless it has its own.
        teacher: What differs in the teacher's training.
        student: What differs in that of students.
        finetune: What differs after pruning.
        qat: What differs in quantization-aware training.
        cuda_graph: Whether steps on a GPU are captured in a CUDA graph where they can be; changes no result.
    """

    teacher_epochs: Epochs = 20
    student_epochs: Epochs = 20
    finetune_epochs: Epochs = 5
    qat_epochs: Epochs = 3
    teacher: Overrides = Overrides()
    student: Overrides = Overrides()
    finetune: Overrides = Overrides()
    qat: Overrides = Overrides()
    cuda_graph: bool = True

    @field_validator("qat")
    @classmethod
    def _in_fp32(cls, qat: Overrides) -> Overrides:
        """Rounding to 8 bits is learned in single precision."""
        if qat.precision not in (None, "fp32"):
            problem = f"precision: {qat.precision} is too coarse to learn rounding in; legal: fp32"
            raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
        return qat

    @model_validator(mode="after")
    def _sensible(self) -> Training:
        """What one setting asks of others."""
        for kind in KINDS:
            own, epochs = self.of(kind), self.epochs(kind)
            longest = 4 * epochs // 5 if own.schedule == "wsd" else epochs
            if epochs and own.warmup_epochs > longest:
                advice = f"; a warm-up must end within {longest} of them" if own.schedule == "wsd" else ""
                _refuse(f"warmup_epochs: {own.warmup_epochs:g} is too long for {kind}_epochs: {epochs}{advice}")
            # Nobody gives an optimizer of another kind AdamW's rate, or sees that it is what is used.
            if own.optimizer["name"] != ADAMW.name:
                section = getattr(self, kind)
                named = self.model_fields_set | section.model_dump(exclude_none=True).keys()
                needs = ["learning_rate"] + ["weight_decay"] * own.chosen_optimizer.has("weight_decay")
                if missing := [name for name in needs if name not in named]:
                    told = " and ".join(missing)
                    _refuse(f"optimizer: {own.optimizer['name']} needs its own {told}: the default is meant for AdamW")
        return self

    def epochs(self, kind: Kind) -> int:
        """Return the epochs of that kind of training."""
        return int(getattr(self, f"{kind}_epochs"))

    def of(self, kind: Kind, *, gentle: bool = False) -> Hyperparameters:
        """Return the hyperparameters of that kind of training.

        Args:
            kind: Which.
            gentle: The network begins with weights that were trained elsewhere: unless a rate is named for this kind,
                it is a small share of the others'.
        """
        defaults = self.settings()
        if kind in ("finetune", "qat"):
            defaults["warmup_epochs"] = 0.0
        if kind == "qat":
            defaults |= {"learning_rate": QAT_RATE * self.learning_rate, "precision": "fp32"}
        if gentle:
            defaults["learning_rate"] *= GENTLE_RATE
        return Hyperparameters.model_construct(**{**defaults, **getattr(self, kind).model_dump(exclude_none=True)})

    def at_most(self, epochs: int) -> Training:
        """The same with so many epochs for each training, or fewer where there are fewer."""
        return self.model_copy(update={f"{kind}_epochs": min(epochs, self.epochs(kind)) for kind in KINDS})


def _refuse(problem: str) -> None:
    raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
