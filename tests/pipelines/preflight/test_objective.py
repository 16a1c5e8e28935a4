from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional


def labelled(words, targets: Tensor, **hooks) -> object:
    """A task whose batches have the given targets, and hooks of its own."""

    def batches(self, split: str):
        return [(torch.randn(len(targets), 6), targets)]

    return type("Labelled", (words,), {"batches": batches, **hooks})()


def own_loss(loss) -> dict:
    return {"loss": lambda self, outputs, targets: loss(outputs, targets)}


def own_score(score) -> dict:
    return {"score": lambda self, outputs, targets: score(outputs, targets)}


CLASSES = torch.tensor([0, 1, 1, 0])


def right(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(1) == targets).float()


@pytest.mark.parametrize(
    ("targets", "hooks", "message"),
    [
        (
            CLASSES + 1,
            {},
            "the default loss, cross-entropy, of outputs (4, 2) float32 and targets (4,) int64: IndexError: Target 2 "
            "is out of bounds.; give the task a loss(outputs, targets)",
        ),
        (
            CLASSES,
            own_loss(lambda outputs, targets: functional.cross_entropy(outputs, targets, reduction="none")),
            "gives a tensor of shape (4,), not a tensor of one number; take the mean",
        ),
        (CLASSES, own_loss(lambda outputs, targets: outputs.mean().detach()), "does not depend on the outputs"),
        (CLASSES, own_loss(lambda outputs, targets: outputs.mean().item()), "gives a float, not a tensor of one"),
        (CLASSES, own_loss(lambda outputs, targets: outputs.mean() / 0 * 0), "is nan for the untrained teacher"),
        (CLASSES, {"loss": lambda self, outputs: outputs.mean()}, "takes 2 positional arguments but 3 were given"),
        (
            torch.zeros(4),
            own_loss(lambda outputs, targets: functional.mse_loss(outputs[:, :1], targets)) | own_score(right),
            "compares each output with each target, as their shapes differ: bring them to one shape",
        ),
    ],
    ids=["out of bounds", "vector", "detached", "number", "nan", "arguments", "broadcast"],
)
def test_a_loss_that_cannot_be_minimised_is_told(check, words, targets, hooks, message) -> None:
    (told,) = check(labelled(words, targets, **hooks))
    assert told.startswith("task.use: ")
    assert message in told


def test_labels_of_later_batches_count_too(check, words) -> None:
    class Late(words):
        def batches(self, split: str):
            return [(torch.randn(4, 6), CLASSES), (torch.randn(4, 6), CLASSES + 2)]

    assert check(Late()) == [
        "task.use: batches('train'), batches('validation') has labels from 0 to 3, but outputs (4, 2) float32 have "
        "classes 0 to 1; if a label does not count, name it in the task's class, such as ignore_index = 3"
    ]


def test_labels_that_the_own_loss_ignores_are_no_classes_for_the_accuracy_either(check, words) -> None:
    class Ignoring(words):
        loss = staticmethod(partial(functional.cross_entropy, ignore_index=255))

        def batches(self, split: str):
            return [(torch.randn(4, 6), torch.tensor([0, 1, 255, 1]))]

    (told,) = check(Ignoring())
    assert told.startswith("task.use: batches('validation') has labels from 0 to 255, but outputs (4, 2) float32")
    assert told.endswith("such as ignore_index = 255")
    Ignoring.ignore_index = 255
    assert check(Ignoring()) == []


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (
            lambda o, t: right(o, t).mean(),
            "gives a tensor of shape (), not one number per example: a tensor of shape (4,); leave the mean out",
        ),
        (lambda o, t: float(right(o, t).mean()), "gives a float, not one number per example: a tensor of shape (4,)"),
        (lambda o, t: right(o, t).tolist(), "gives a list, not one number per example"),
        (lambda o, t: (o.argmax(1, keepdim=True) == t).float(), "gives a tensor of shape (4, 4), not one number"),
        (lambda o, t: right(o, t) / 0, "gives numbers that are not finite"),
        (lambda o, t: o.foo, "AttributeError: 'Tensor' object has no attribute 'foo'"),
    ],
    ids=["mean", "number", "list", "broadcast", "not finite", "raises"],
)
def test_a_score_is_one_number_per_example(check, words, score, message) -> None:
    (told,) = check(labelled(words, CLASSES, **own_score(score)))
    assert message in told


def test_targets_that_are_no_classes_need_a_score(check, words) -> None:
    task = labelled(words, functional.one_hot(CLASSES).float())
    assert check(task) == [
        "task.use: targets of shape (4, 2) and type float32 are no classes for outputs of shape (4, 2), and the "
        "default accuracy compares classes; give the task a score(outputs, targets)"
    ]


@pytest.mark.parametrize("scope", ["local", "sensitivity"])
def test_calibration_has_labels_where_layers_are_ranked_by_their_scores_on_it(check, words, scope) -> None:
    class Unlabelled(words):
        def batches(self, split: str):
            return [(torch.randn(4, 6), torch.zeros(4) if split == "calibration" else CLASSES)]

    told = check(Unlabelled(), pruning={"method": "channel", "ratio": 0.5, "scope": scope})
    wrong = [
        "task.use: batches('calibration'): targets of shape (4,) and type float32 are no classes for outputs of shape "
        "(4, 2), and the default accuracy compares classes; give the task a score(outputs, targets)"
    ]
    assert told == (wrong if scope == "sensitivity" else [])


def test_a_loss_and_a_score_are_told_beside_each_other_and_beside_a_network_that_cannot_be_exported(
    check, words
) -> None:
    class Spectral(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(torch.fft.fft(x).abs())

    task = labelled(
        words, CLASSES, teacher=lambda self: Spectral(), **own_loss(lambda o, t: o), **own_score(lambda o, t: o)
    )
    loss, score, export = check(task)
    assert "not a tensor of one number" in loss
    assert "not one number per example" in score
    assert export.startswith("task.use: teacher(): exporting it: the network cannot be exported to ONNX: ")


PLACES = torch.rand(4, 4)


def place_and_class(outputs: Tensor, targets) -> Tensor:
    """The loss of a network that finds one object's class."""
    return functional.cross_entropy(outputs, targets["label"]) + 0 * targets["place"].sum()


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            own_score(lambda outputs, targets: right(outputs, targets["label"])),
            "task.use: the default loss, cross-entropy, of outputs (4, 2) float32 and targets label (4,) int64, place "
            "(4, 4) float32: these are several tensors; give the task a loss(outputs, targets) that reads them",
        ),
        (
            own_loss(place_and_class),
            "task.use: targets are several tensors; give the task a score(outputs, targets) that reads them",
        ),
        (
            own_loss(place_and_class)
            | own_score(lambda outputs, targets: right(outputs, targets["label"]))
            | {"scores": ["f1"]},
            "task.use: scores: they are taken of targets that are one tensor, and these are several; leave out f1",
        ),
    ],
    ids=["no loss", "no score", "a score of the split"],
)
def test_targets_of_several_tensors_need_a_loss_and_a_score_that_read_them(check, words, own, message) -> None:
    assert message in check(several(words, **own))


def test_targets_of_several_tensors_go_to_the_own_loss_and_score_as_they_are(check, words) -> None:
    own = own_loss(place_and_class) | own_score(lambda outputs, targets: right(outputs, targets["label"]))
    assert check(several(words, **own), pruning={"method": "unstructured", "ratio": 0.5, "importance": "taylor"}) == []


def several(words, **hooks) -> object:
    """A task with a class and a place for each example."""

    def batches(self, split: str):
        return [(torch.randn(4, 6), {"label": CLASSES, "place": PLACES})]

    return type("Several", (words,), {"batches": batches, **hooks})()
