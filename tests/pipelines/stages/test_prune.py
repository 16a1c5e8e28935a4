from pathlib import Path

import pytest
import torch

from pipelines.checkpoint import Checkpoint
from pipelines.context import Context
from pipelines.errors import TrialFailed
from pipelines.stages import PRUNE, Prune, TrainTeacher

PRUNING = {"method": "channel", "ratio": 0.5, "importance": "l2"}


def test_the_last_parent_is_pruned_and_its_history_kept(context: Context, tmp_path: Path) -> None:
    TrainTeacher().run((), tmp_path, {}, context)
    out = tmp_path / "pruned"
    out.mkdir()
    Prune().run((tmp_path / "not this one", tmp_path), out, PRUNING, context)
    pruned = Checkpoint.load(out, context.task)
    assert [edit.get("network") or edit["pruner"] for edit in pruned.structure] == ["teacher", "channel"]
    assert pruned.model[0].weight.shape[0] == 8
    assert pruned.model(torch.zeros(2, 1, 8, 8)).shape == (2, 2)


def test_its_fine_tuning_keeps_the_classes_apart(context: Context, tmp_path: Path) -> None:
    TrainTeacher().run((), tmp_path, {}, context)
    out = tmp_path / "pruned"
    out.mkdir()
    Prune().run((tmp_path,), out, PRUNING, context)
    model = Checkpoint.load(out, context.task).model
    assert all(torch.equal(model(x).argmax(1), y) for x, y in context.task.batches("validation"))


def test_a_failure_of_the_pruner_passes_through(context: Context, tmp_path: Path, tiny) -> None:
    narrow = Context(type(tiny)(width=8), "narrow", context.training, seed=0, device=context.device)
    TrainTeacher().run((), tmp_path, {}, narrow)
    with pytest.raises(TrialFailed, match=r"nothing to prune at ratio 0\.5"):
        Prune().run((tmp_path,), tmp_path, PRUNING, narrow)


def test_its_label_is_the_pruners() -> None:
    assert PRUNE.label({"method": "channel", "ratio": 0.25}) == "ch0.25"
