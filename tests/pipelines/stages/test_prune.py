import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pipelines import STEPS
from pipelines.errors import TrialFailed
from pipelines.pruners import PRUNERS
from pipelines.pruners.checkpoint import Checkpoint, pruned_weights
from pipelines.stages import PRUNE, Prune, TrainTeacher
from pipelines.stages.prune import left_whole
from pipelines.training.context import Context
from pipelines.training.masks import masks_of
from spaces import Recipe, SearchSpace, Value, digest

PRUNING: dict[str, Value] = {"method": "channel", "ratio": 0.5, "importance": "l2"}
Run = Callable[..., Path]


@pytest.fixture
def run(context: Context, tmp_path: Path) -> Run:
    """Trains the teacher once and prunes it; keyword arguments are parameters."""
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    TrainTeacher().run(Path(), teacher, {}, context)

    def prune(out: str = "pruned", context: Context = context, **params: Value) -> Path:
        (tmp_path / out).mkdir()
        torch.manual_seed(0)
        Prune().run(teacher, tmp_path / out, {**PRUNING, **params}, context)
        return tmp_path / out

    return prune


def report(folder: Path) -> Mapping[str, object]:
    return json.loads((folder / "pruning.json").read_text())


def test_the_last_parent_is_pruned_and_its_history_kept(run: Run, context: Context) -> None:
    pruned = Checkpoint.load(run(), context.task)
    assert [edit.get("network") or edit["pruner"] for edit in pruned.structure] == ["teacher", "channel"]
    assert pruned.model[0].weight.shape[0] == 8
    assert pruned.model(torch.zeros(2, 1, 8, 8)).shape == (2, 2)


class Flipped(nn.Module):
    """A network in which the channels of `one` change their order."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.norm = nn.utils.parametrizations.weight_norm(nn.Linear(16, 16))
        self.head = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.two(torch.relu(self.one(x)).flip(1)).mean((2, 3))
        return self.head(torch.relu(x) + torch.relu(self.norm(x)))


@pytest.mark.parametrize(
    ("params", "note"),
    [
        (
            {"round_to": 2},
            "one stays whole: the operator flip moves or mixes its channels",
        ),
        (
            {"method": "unstructured"},
            "norm stays whole: its weights are computed from others (a parametrization, such as weight or spectral",
        ),
    ],
    ids=["channel", "unstructured"],
)
def test_it_notes_what_stays_whole(context: Context, tmp_path: Path, tiny, params: dict[str, Value], note: str) -> None:
    tiny.teacher = Flipped
    Checkpoint(Flipped().eval(), [{"network": "teacher"}]).save(tmp_path)
    torch.manual_seed(0)
    still = replace(context, training=context.training.model_copy(update={"finetune_epochs": 0}))
    Prune().run(tmp_path, tmp_path, {**PRUNING, **params}, still)
    assert note in "; ".join(still.notes)


def test_its_fine_tuning_keeps_the_classes_apart(run: Run, context: Context) -> None:
    model = Checkpoint.load(run(), context.task).model
    assert all(torch.equal(model(x).argmax(1), y) for x, y in context.task.batches("validation"))


@pytest.mark.parametrize(
    "params",
    [
        {"method": "unstructured", "ratio": 0.9},
        {"method": "unstructured", "ratio": 0.9, "scope": "global", "importance": "lamp", "steps": 3},
        {"method": "unstructured", "ratio": 0.8, "importance": "taylor", "steps": 2, "schedule": "linear"},
        {"method": "n:m", "pattern": "1:4"},
    ],
    ids=["one cut", "three cuts", "taylor", "n:m"],
)
def test_zeros_stay_through_fine_tuning_and_reload(run: Run, context: Context, params: dict[str, Value]) -> None:
    loaded = Checkpoint.load(run(**params), context.task)
    model, names = loaded.model, pruned_weights(loaded.structure)
    pruner, example = PRUNERS[str(params["method"])], context.task.example_input()
    zeros, size = (
        sum(int((~mask).sum()) for mask in masks_of(model, names).values()),
        sum(pruner.sizes(model, example).values()),
    )
    assert zeros >= size * (0.75 if params["method"] == "n:m" else float(params["ratio"]))
    assert zeros < size * 0.95


def test_several_cuts_end_at_the_same_sizes_and_share_the_epochs(run: Run, context: Context) -> None:
    longer = replace(context, training=context.training.model_copy(update={"finetune_epochs": 5}))
    one, three = (run(out, longer, method="unstructured", ratio=0.5, steps=n) for out, n in (("one", 1), ("three", 3)))
    assert [cut["epochs"] for cut in report(three)["cuts"]] == [1, 2, 2]
    assert [round(cut["ratio"], 3) for cut in report(three)["cuts"]] == [0.352, 0.481, 0.5]
    assert report(three)["cuts"][-1]["zeros"] == report(one)["cuts"][-1]["zeros"]
    structure = json.loads((three / "structure.json").read_text())
    assert [edit.get("pruner") for edit in structure] == [None, *["unstructured"] * 3]


@pytest.mark.parametrize(
    ("floor", "finetuned"), [(0.0, False), (2.0, True), (None, True)], ids=["met", "missed", "no floor"]
)
def test_fine_tuning_is_left_out_where_the_floor_is_met(
    run: Run, context: Context, floor: float | None, finetuned: bool
) -> None:
    folder = run(context=replace(context, accuracy_floor=floor), finetune="if-needed")
    assert report(folder)["finetuned"] is finetuned
    assert report(folder)["cuts"][0]["epochs"] == int(finetuned)
    assert (report(folder)["cuts"][0]["accuracy"] is None) == (floor is None)


def test_epochs_that_were_not_needed_are_left_to_the_cuts_that_follow(
    run: Run, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = iter([1.0, 0.0, 1.0])
    monkeypatch.setattr("pipelines.stages.prune.network_accuracy", lambda model, context: next(accuracies))
    training = context.training.model_copy(update={"finetune_epochs": 3})
    folder = run(
        context=replace(context, training=training, accuracy_floor=0.5),
        method="unstructured", steps=3, finetune="if-needed",
    )  # fmt: skip
    assert [cut["epochs"] for cut in report(folder)["cuts"]] == [0, 2, 0]
    assert report(folder)["finetuned"] is True


@pytest.mark.parametrize(
    ("accuracies", "patience", "made", "note"),
    [
        ([0.9, 0.8, 0.2, 0.1], 2, 2, "2 of 4 cuts were made: no further one kept accuracy >= 0.5"),
        ([0.9, 0.2, 0.8, 0.9], 2, 4, ""),
        ([0.9, 0.2], 1, 1, "1 of 4 cuts were made: no further one kept accuracy >= 0.5"),
        ([0.4], 1, 1, "none of 1 cut left a network of accuracy >= 0.5; further ones were not tried"),
    ],
    ids=["until no more is gained", "all", "patience", "none"],
)
def test_cuts_end_when_no_more_is_gained(
    run: Run, context: Context, monkeypatch, accuracies: list[float], patience: int, made: int, note: str
) -> None:
    found = iter(accuracies)
    monkeypatch.setattr("pipelines.stages.prune.network_accuracy", lambda model, context: next(found))
    own = replace(context, accuracy_floor=0.5, notes=[])
    folder = run(context=own, method="unstructured", ratio=0.8, steps=4, patience=patience)
    assert list(found) == []
    assert own.notes == [note] * bool(note)
    assert [round(cut["ratio"], 3) for cut in report(folder)["cuts"]] == [0.463, 0.7, 0.788, 0.8][:made]
    checkpoint = Checkpoint.load(folder, context.task)
    assert len(checkpoint.structure) == 1 + made
    zeros = sum(int((parameter == 0).sum()) for parameter in checkpoint.model.parameters())
    assert zeros == report(folder)["cuts"][-1]["zeros"]


def test_without_training_all_cuts_are_made(run: Run, context: Context) -> None:
    own = replace(context, accuracy_floor=2.0, fidelity=0.0)
    assert len(report(run(context=own, method="unstructured", steps=3, patience=1))["cuts"]) == 3


def test_statistics_are_those_of_the_pruned_network(run: Run, context: Context) -> None:
    without = replace(context, training=context.training.model_copy(update={"finetune_epochs": 0}))
    model = Checkpoint.load(run(context=without), context.task).model
    batches = [model[0](images) for images, _ in context.task.batches("train")]
    mean = torch.stack([batch.mean((0, 2, 3)) for batch in batches]).mean(0)
    assert torch.allclose(model[1].running_mean, mean, atol=1e-5)


def test_the_report_says_what_remained(run: Run, context: Context) -> None:
    folder = run()
    (cut,) = report(folder)["cuts"]
    model = Checkpoint.load(folder, context.task).model
    assert cut == {
        "ratio": 0.5,
        "sizes": {"0": 8, "3": 8},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "zeros": cut["zeros"],
        "accuracy": None,
        "epochs": 1,
    }


def test_the_floor_is_in_the_key_only_if_it_is_read(context: Context) -> None:
    with_floor = replace(context, accuracy_floor=0.9)
    for finetune, differs in (("always", False), ("if-needed", True)):
        settings = [dict(Prune().settings({"finetune": finetune}, c)) for c in (context, with_floor)]
        assert (digest(settings[0]) != digest(settings[1])) is differs


def test_a_failure_of_the_pruner_passes_through(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: nn.Module, cut: object) -> None:
        raise TrialFailed("not that one")

    monkeypatch.setattr(PRUNERS["channel"], "prune", fail)
    with pytest.raises(TrialFailed, match="not that one"):
        run()


@pytest.mark.parametrize("steps", [1, 3])
def test_a_network_of_which_nothing_can_go_stays_as_it_is_with_a_note(
    context: Context, tmp_path: Path, tiny, steps: int
) -> None:
    narrow = Context(type(tiny)(width=8), "narrow", context.training, seed=0, device=context.device)
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    TrainTeacher().run(Path(), before, {}, narrow)
    Prune().run(before, after, {**PRUNING, "steps": steps}, narrow)
    reason = (
        "nothing to prune at ratio 0.5: widths are kept at multiples of 8 and the widest layer has 8 channels; use a "
        "wider network or a smaller pruning.round_to"
    )
    assert narrow.notes == [f"channel left the network as it is: {reason}"]
    assert left_whole(after) == reason
    kept, given = (Checkpoint.load(folder, narrow.task) for folder in (after, before))
    assert kept.structure == given.structure
    assert all(torch.equal(x, y) for x, y in zip(kept.model.parameters(), given.model.parameters(), strict=True))


def test_cuts_too_small_for_anything_to_go_leave_their_epochs_to_the_next(run: Run, context: Context) -> None:
    longer = replace(context, training=context.training.model_copy(update={"finetune_epochs": 20}))
    folder = run(context=longer, steps=20, schedule="linear")  # the first is less than half a channel of 16
    first, *others = report(folder)["cuts"]
    assert (first["ratio"], first["epochs"], first["sizes"]) == (0.05, 2, {"0": 8, "3": 8})
    assert [cut["epochs"] for cut in others] == [1] * 18
    assert left_whole(folder) == ""


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ({"ratio": 0.5}, "ch0.5"),
        ({"ratio": 0.5, "scope": "global", "importance": "taylor"}, "ch0.5g·taylor"),
        ({"ratio": 0.5, "round_to": 4, "steps": 3}, "ch0.5r4·3x"),
        ({"method": "heads", "ratio": 0.5, "importance": "random"}, "head0.5·random"),
        ({"method": "unstructured", "ratio": 0.9, "steps": 5, "schedule": "linear"}, "un0.9·5linx"),
        ({"method": "unstructured", "ratio": 0.9, "steps": 5, "patience": 1}, "un0.9·5x·until1"),
        ({"method": "n:m"}, "2:4"),
        ({"method": "n:m", "pattern": "1:4", "finetune": "if-needed"}, "1:4·opt"),
        ({"method": "blocks", "ratio": 0.25}, "blk0.25"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_its_label_says_what_differs_from_the_defaults(given: dict[str, Value], label: str) -> None:
    assert Recipe.from_list([{"prune": given}], STEPS).label(STEPS) == label


def test_a_recipe_of_an_earlier_version_is_read_with_the_defaults() -> None:
    recipe = Recipe.from_list([{"prune": {"method": "channel", "ratio": 0.5}}], STEPS)
    assert recipe.steps[0].params == {
        "method": "channel", "ratio": 0.5, "scope": "local", "round_to": 8, "importance": "l2", "steps": 1,
        "finetune": "always", "alpha": 0,
    }  # fmt: skip
    assert Recipe.from_list(recipe.to_list(), STEPS) == recipe


@pytest.mark.parametrize(
    ("section", "size"),
    [
        ({"method": ["none", "channel"], "ratio": [0.25, 0.5, 0.75]}, 1 + 3),
        ({"method": list(PRUNERS), "ratio": 0.5}, len(PRUNERS)),
        # lamp means something globally only; bn-scale with channels only; blocks have their own measure
        ({"ratio": 0.5, "scope": ["local", "global"], "importance": ["l2", "lamp", "bn-scale"]}, 2 + 3),
        ({"method": ["channel", "unstructured", "blocks"], "ratio": 0.5, "importance": ["l2", "bn-scale"]}, 2 + 1 + 1),
        ({"method": "unstructured", "ratio": 0.5, "steps": [1, 3], "schedule": ["linear", "cubic"]}, 1 + 2),
        ({"method": ["n:m", "blocks"], "ratio": 0.5, "steps": [1, 3]}, 1 + 2),
    ],
    ids=["as before", "every method", "scope", "own options", "schedule", "no steps"],
)  # fmt: skip
def test_the_space_has_no_recipe_that_means_nothing(section: dict[str, object], size: int) -> None:
    assert SearchSpace.parse({"pruning": section}, (PRUNE,)).size() == size
