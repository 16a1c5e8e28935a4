from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipelines import STEPS, run_recipe
from pipelines.pipeline import network_stages, nodes, run_stages
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.sensitivity_table import Sensitivity
from pipelines.stages import STAGES, AnalyseSensitivity, TrainTeacher
from pipelines.store import Store
from pipelines.training.context import Context
from spaces import Recipe, Step

SHARED = {"method": "channel", "importance": "l2"}


def pruning(**changes) -> Recipe:
    params = {**SHARED, "ratio": 0.25, "scope": "sensitivity", **changes}
    return Recipe((Step("prune", tuple(sorted(params.items()))),))


def test_the_network_passes_through_with_the_table_beside_it(context: Context, tmp_path: Path) -> None:
    TrainTeacher().run(Path(), tmp_path, {}, context)
    out = tmp_path / "analysed"
    out.mkdir()
    AnalyseSensitivity([0.5]).run(tmp_path, out, SHARED, context)
    before, after = (Checkpoint.load(folder, context.task) for folder in (tmp_path, out))
    assert after.structure == before.structure
    assert all(torch.equal(value, after.model.state_dict()[name]) for name, value in before.model.state_dict().items())
    found = Sensitivity.read(out)
    assert (found.accuracy, dict(found.sizes)) == (1.0, {"0": 16, "3": 16})
    assert [(row.layer, row.ratio, row.units) for row in found.rows] == [("0", 0.5, 8), ("3", 0.5, 8)]


def test_it_sees_neither_the_validation_nor_the_test_split(context: Context, tmp_path: Path, tiny) -> None:
    TrainTeacher().run(Path(), tmp_path, {}, context)
    asked = []

    class Watched(type(tiny)):
        def batches(self, split):
            asked.append(split)
            return super().batches(split)

    AnalyseSensitivity([0.5]).run(tmp_path, tmp_path, SHARED, replace(context, task=Watched()))
    assert set(asked) == {"calibration", "train"}


def test_all_ratios_of_a_recipe_share_the_analysis(context: Context, store: Store) -> None:
    first = run_recipe(pruning(ratio=0.25), context, store)
    second = run_recipe(pruning(ratio=0.5), context, store)
    assert [(run.name, run.reused) for run in first.stages] == [
        (name, False) for name in ("teacher", "sensitivity", "prune", "export", "pack")
    ]
    assert [run.reused for run in second.stages] == [True, True, False, False, False]


@pytest.mark.parametrize(("ratio", "removed"), [(0.25, 8), (0.5, 16)])
def test_what_is_pruned_is_the_ratio_shared_out(context: Context, store: Store, ratio: float, removed: int) -> None:
    built = run_recipe(pruning(ratio=ratio), context, store)
    pruned = store.get(built.stages[2].key)
    assert pruned
    model = Checkpoint.load(pruned, context.task).model
    assert 32 - model[0].weight.shape[0] - model[3].weight.shape[0] == removed


def test_of_a_ratio_beyond_what_layers_can_lose_as_much_goes_as_can(context: Context, store: Store) -> None:
    built = run_recipe(pruning(ratio=0.75), context, store)
    assert tuple(run.note for run in built.stages if run.note) == (
        "ratio 0.75 is beyond what layers can lose one by one: 0.5 of the units went",
    )


def test_a_network_whose_layers_cannot_be_cut_alone_stays_as_it_is(context: Context, store: Store) -> None:
    built = run_recipe(pruning(ratio=0.75, round_to=16), context, store)
    assert tuple(run.note for run in built.stages if run.note) == (
        "channel left the network as it is: no layer can be cut alone: nothing to prune at the ratios chosen by "
        "sensitivity: widths are kept at multiples of 16 and the widest layer has 16 channels; use a wider network or "
        "a smaller pruning.round_to",
    )


@pytest.mark.parametrize("scope", ["local", "global"])
def test_other_scopes_have_no_analysis(scope: str) -> None:
    assert [stage.name for stage, _ in STAGES["prune"]({**SHARED, "ratio": 0.5, "scope": scope})] == ["prune"]


def test_its_key_depends_on_what_it_reads(context: Context) -> None:
    def key(**changes) -> str:
        return next(key for stage, _, key in nodes(pruning(**changes), context) if stage.name == "sensitivity")

    assert key() == key(ratio=0.75) == key(steps=3)
    assert len({key(), key(importance="l1"), key(round_to=4)}) == 3
    assert AnalyseSensitivity([0.5]).settings({}, context) != AnalyseSensitivity().settings({}, context)


def test_it_can_end_the_work_on_any_network(context: Context, store: Store) -> None:
    student = Recipe.from_list([{"distil": {"depth": 1}}, {"quantize": {"scheme": "static-int8"}}], STEPS)
    begun = []
    work = [*network_stages(student), (AnalyseSensitivity([0.5]), SHARED)]
    folder, runs = run_stages(work, context, store, begin=lambda stage: begun.append(stage.name))
    assert begun == [run.name for run in runs] == ["teacher", "distil", "sensitivity"]
    assert Sensitivity.read(folder).layers == ("0",)
