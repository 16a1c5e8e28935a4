import pytest
import torch
from torch import nn

from pipelines import STEPS, Exclude
from pipelines.importances import IMPORTANCES
from pipelines.preflight import preflight
from pipelines.pruners import PRUNERS
from pipelines.quantizers import QUANTIZERS
from spaces import SearchSpace


def test_features_that_cannot_be_compared_are_told_at_once(check, words) -> None:
    told = check(words(), distillation={"feature": ["none", "hint", "attention", "relational"]})
    assert told == [
        "space.distillation.feature: attention for student(1): the network has no feature map (N, C, H, W) and no "
        "tokens (N, tokens, C) within; use another distiller; take it out of the axis"
    ]


def test_points_that_are_not_there_are_told(check, words) -> None:
    class Pointed(words):
        def feature_points(self, depth: int) -> list[tuple[str, str]]:
            return [("1", "9")]

    (told,) = check(Pointed(), distillation={"feature": "hint"})
    assert told.startswith(
        "space.distillation.feature: hint for student(1): feature_points names a module of the student: '9' is not "
        "known; legal: 0, 1, 2"
    )

    class Broken(words):
        def feature_points(self, depth: int) -> list[tuple[str, str]]:
            raise KeyError(depth)

    (told,) = check(Broken(), distillation={"feature": "hint"})
    assert told.startswith("space.distillation.feature: hint for student(1): KeyError: 1 (")
    assert told.endswith("test_techniques.py:34); take it out of the axis")


def test_a_student_that_could_begin_with_nothing_is_told(check, words) -> None:
    class Strange(words):
        def student(self, depth: int) -> nn.Module:
            return nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 2))

    space = {"student": {"depth": 1, "init": ["random", "teacher"]}}
    assert check(words(), **space) == []
    (told,) = check(Strange(), **space)
    assert told.startswith("space.student.init: student(1): no layer of the teacher has the name and shape of one of")


@pytest.mark.parametrize(
    ("registry", "name", "where"),
    [
        (PRUNERS, "channel", "space.pruning.method"),
        (IMPORTANCES, "l2", "space.pruning.importance"),
        (QUANTIZERS, "static-int8", "space.quantization.scheme"),
    ],
    ids=["pruner", "importance", "quantizer"],
)
def test_techniques_are_asked_about_the_teacher(check, words, monkeypatch, registry, name: str, where: str) -> None:
    asked = []

    def problem(model: nn.Module, *rest: object) -> str:
        asked.append((model, *rest))
        return "it has no wheels"

    monkeypatch.setattr(registry[name], "problem", problem)
    told = check(
        words(),
        pruning={"method": ["none", "channel"], "ratio": 0.5},
        quantization={"scheme": ["none", name]} if registry is QUANTIZERS else {},
    )
    assert told == [f"{where}: {name}: it has no wheels; take it out of the axis"]
    ((model, *rest),) = asked
    assert isinstance(model, nn.Sequential)
    assert [torch.is_tensor(about) for about in rest] == ([True, False] if registry is PRUNERS else [])


def test_techniques_out_of_the_space_are_not_asked(check, words, monkeypatch) -> None:
    monkeypatch.setattr(PRUNERS["channel"], "problem", lambda *about: "bad")
    assert check(words()) == []


def test_what_a_cut_leaves_whole_is_told_beforehand(check, warnings, words) -> None:
    class Flips(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.head = nn.Linear(6, 16), nn.Linear(16, 16), nn.Linear(16, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu(self.two(torch.relu(self.one(x)).flip(1))))

    class Flipped(words):
        def teacher(self) -> nn.Module:
            return Flips()

        student = None

    space = {"student": {"depth": "none"}, "pruning": {"method": ["none", "channel"], "ratio": 0.5}}
    assert check(Flipped(), **space) == []
    assert warnings(Flipped(), **space) == [
        "space.pruning.method: channel: one stays whole: the operator flip moves or mixes its channels"
    ]


def test_networks_in_double_precision_are_not_quantized(check, words) -> None:
    class Double(words):
        def teacher(self) -> nn.Module:
            return super().teacher().double()

        def student(self, depth: int) -> nn.Module:
            return super().student(depth).double()

        def batches(self, split: str):
            yield torch.zeros(4, 6).double(), torch.zeros(4, dtype=torch.long)

        def example_input(self) -> torch.Tensor:
            return torch.zeros(1, 6).double()

    told = check(
        Double(), quantization={"scheme": ["none", "dynamic-int8"]}, pruning={"method": "channel", "ratio": 0.5}
    )
    assert told == [
        "space.quantization.scheme: dynamic-int8: the network computes in double precision, of which nothing is "
        "quantized; make it single: model.float(); take it out of the axis"
    ]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("4", "*"), None),
        (("4.weight",), None),
        (("9",), "exclude.pruning: '9' names no layer of teacher(), student(1); the teacher's parts are 0, 1, 2, 3, 4"),
        (("2.weigth",), "exclude.pruning: '2.weigth' names no layer of teacher(), student(1); do you mean '2.weight'?"),
    ],
    ids=["layers", "a parameter", "no layer", "a slip"],
)
def test_excluded_names_are_those_of_layers(words, names: tuple[str, ...], problem: str | None) -> None:
    space = SearchSpace.parse({"student": {"depth": [1]}, "distillation": {"alpha": 0.5}}, STEPS)
    findings = preflight(words(), space, exclude=Exclude(pruning=list(names)))
    assert [str(found) for found in findings.problems] == ([problem] if problem else [])


def test_what_is_excluded_is_not_cut_and_schemes_for_whole_networks_are_refused(words) -> None:
    asked = {"student": {"depth": "none"}, "pruning": {"method": ["none", "channel", "heads"], "ratio": 0.5}}
    schemes = {"quantization": {"scheme": ["none", "tf32"]}}
    exclude = Exclude(pruning=["0", "2"], quantization=["4"])
    findings = preflight(words(), SearchSpace.parse({**asked, **schemes}, STEPS), exclude=exclude)
    assert [str(found) for found in findings.problems] == [
        "space.quantization.scheme: tf32: cannot leave single layers as they are, as exclude.quantization asks for; "
        "take it out of the axis",
        "space.pruning.method: channel: all that it could work on is among what exclude names; take it out of the axis",
        "space.pruning.method: heads: the network has no attention with several heads; take it out of the axis",
    ]
