"""Networks that take their inputs by name and give several outputs, from the training to the exported file."""

from dataclasses import dataclass

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from pipelines.formats.onnx_format import MODEL
from pipelines.preflight import preflight
from pipelines.stages import STEPS, Distil, Export, Prune, TrainTeacher
from pipelines.tasks.served import served
from pipelines.tasks.tensors import Tensors
from pipelines.training.accuracy import network_accuracy
from pipelines.training.context import Context
from pipelines.training.loop import train
from pipelines.training.settings import Training
from spaces import SearchSpace


@dataclass
class Answer:
    """As Hugging Face has it: a loss that is None without targets, logits, and what else there is."""

    loss: Tensor | None
    logits: Tensor
    state: Tensor


class Reader(nn.Module):
    """Takes words and weights by name, and gives its answer in the `form` that is asked for."""

    def __init__(self, form: str = "dataclass", width: int = 16) -> None:
        super().__init__()
        self.form = form
        self.words = nn.Embedding(8, width)
        self.body = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.head, self.auxiliary = nn.Linear(width, 2), nn.Linear(width, 2)

    def forward(self, *, weights: Tensor, ids: Tensor) -> object:
        state = torch.relu(self.body((self.words(ids) * weights[..., None]).mean(1)))
        logits = self.head(state)
        forms = {
            "dataclass": Answer(None, logits, state),
            "dict": {"state": state, "out": logits},
            "tuple": (logits, (state, None)),
            "training": (logits, self.auxiliary(state)) if self.training else logits,
        }
        return forms[self.form]


class Reading:
    """A task of such networks."""

    def __init__(self, form: str = "dataclass") -> None:
        self.form = form

    def teacher(self) -> nn.Module:
        return Reader(self.form)

    def student(self, depth: int) -> nn.Module:
        return Reader(self.form)

    def batches(self, split: str):
        ids = torch.randint(8, (16, 4), generator=torch.Generator().manual_seed(len(split)))
        yield {"ids": ids, "weights": torch.ones(16, 4)}, (ids[:, 0] > 3).long()

    def example_input(self) -> dict[str, Tensor]:
        return {"weights": torch.ones(1, 4), "ids": torch.zeros(1, 4, dtype=torch.long)}


def context_of(task: object) -> Context:
    training = Training(teacher_epochs=1, student_epochs=1, finetune_epochs=1)
    return Context(task, "reading", training, seed=0, device=torch.device("cpu"))


NAMES = {
    "dataclass": ["logits", "state"],
    "dict": ["out", "state"],
    "tuple": ["output_0", "output_1.0"],
    "training": ["output"],
}


@pytest.mark.parametrize("form", NAMES)
def test_it_is_trained_distilled_cut_and_exported_with_its_own_names(form: str, tmp_path) -> None:
    context = context_of(Reading(form))
    folders = [tmp_path / name for name in ("teacher", "student", "cut", "file")]
    for folder in folders:
        folder.mkdir()
    teacher, student, cut, file = folders
    TrainTeacher().run(tmp_path, teacher, {}, context)
    Distil().run(teacher, student, {"depth": 1, "alpha": 0.5, "temperature": 2, "feature": "none"}, context)
    params = {"method": "channel", "ratio": 0.5, "importance": "l2", "round_to": 1, "scope": "local"}
    if form != "training":  # what training alone computes is not in the graph that is cut
        Prune().run(student, cut, {**params, "steps": 1, "schedule": "linear", "finetune": "always"}, context)
    Export().run(cut if form != "training" else student, file, {}, context)
    session = onnxruntime.InferenceSession(file / MODEL)
    assert [entry.name for entry in session.get_inputs()] == ["ids", "weights"]
    assert [entry.name for entry in session.get_outputs()] == NAMES[form]
    assert session.get_outputs()[0].shape[1] == 2


def test_a_task_names_what_is_exported_and_scored_first(tmp_path) -> None:
    class Named(Reading):
        outputs = ("state",)

    network = served(Reader(), Named()).eval()
    answer = network(*Tensors(("ids", "weights"), (torch.zeros(1, 4, dtype=torch.long), torch.ones(1, 4))))
    assert answer.shape == (1, 16)
    Named.outputs = ("nothing",)
    wrong = served(Reader(), Named()).eval()
    with pytest.raises(ValueError, match="the task's outputs name nothing; the network gives logits, state"):
        wrong(torch.zeros(1, 4, dtype=torch.long), torch.ones(1, 4))


def test_what_a_network_gives_in_training_only_goes_to_the_loss() -> None:
    seen = []

    class Auxiliary(Reading):
        def loss(self, outputs: Tensors | Tensor, targets: Tensor) -> Tensor:
            seen.append(len(outputs) if isinstance(outputs, tuple) else 1)
            return sum(nn.functional.cross_entropy(each, targets) for each in outputs)

    context = context_of(Auxiliary("training"))
    model = train(served(Reader("training"), Auxiliary()), context, epochs=1)
    assert seen == [2]
    assert 0 <= network_accuracy(model, context) <= 1


def test_such_a_task_is_valid() -> None:
    space = SearchSpace.parse({"student": {"depth": [1]}}, STEPS)
    found = preflight(Reading("training"), space)
    assert (found.problems, found.warnings) == ([], [])


def test_inputs_of_other_names_than_the_example_s_are_told() -> None:
    class Other(Reading):
        def batches(self, split: str):
            for inputs, targets in super().batches(split):
                yield {"words": inputs["ids"], "weights": inputs["weights"]}, targets

    space = SearchSpace.parse({"student": {"depth": [1]}}, STEPS)
    told = [str(problem) for problem in preflight(Other("training"), space).problems]
    assert told[0].startswith(
        "task.use: batches('train'), batches('calibration'), batches('validation') gives inputs called weights, words, "
        "but example_input() has them called ids, weights"
    )


def test_several_outputs_are_had_by_name_and_by_place() -> None:
    both = Tensors(("logits", "state"), (torch.zeros(1), torch.ones(1)))
    assert both.logits is both[0] is both["logits"]
    assert len(both[:1]) == 1
    with pytest.raises(KeyError, match="there are logits, state"):
        both["other"]
    with pytest.raises(AttributeError, match="there are logits, state"):
        _ = both.other


@pytest.mark.parametrize("alpha", [0.0, 0.5], ids=["from labels", "from a teacher"])
def test_a_loop_of_its_own_calls_it_by_name_or_by_position(alpha: float, tmp_path) -> None:
    class Looping(Reading):
        def fit(self, model: nn.Module, job) -> None:
            for inputs, targets in self.batches("train"):
                outputs = [model(**inputs), model(inputs["ids"], inputs["weights"])]
                assert torch.equal(outputs[0].logits, outputs[1].logits)
                job.loss(inputs, outputs[1], targets).backward()

    context, teacher, student = context_of(Looping()), tmp_path / "teacher", tmp_path / "student"
    teacher.mkdir()
    student.mkdir()
    TrainTeacher().run(tmp_path, teacher, {}, context)
    Distil().run(teacher, student, {"depth": 1, "alpha": alpha, "temperature": 2, "feature": "none"}, context)
