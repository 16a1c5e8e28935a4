from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pipelines import STEPS, run_recipe
from pipelines.lease import Lease
from pipelines.pipeline import StageRun, network_stages, nodes, parent_stages, run_stages
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.store import Store
from pipelines.training.context import Context
from pipelines.training.settings import Overrides
from spaces import Recipe

DISTIL = {"distil": {"depth": 1, "alpha": 0.5, "temperature": 2}}
PRUNE = {"prune": {"ratio": 0.5}}
STATIC = {"quantize": {"scheme": "static-int8"}}
DYNAMIC = {"quantize": {"scheme": "dynamic-int8"}}


def recipe(*steps: dict) -> Recipe:
    return Recipe.from_list(list(steps), STEPS)


def keys(recipe: Recipe, context: Context) -> dict[str, str]:
    return {stage.name: key for stage, _, key in nodes(recipe, context)}


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [name for name in before if before[name] != after[name]]


@pytest.mark.parametrize(
    ("steps", "stages"),
    [
        ([], ["teacher", "export", "pack"]),
        ([PRUNE], ["teacher", "prune", "export", "pack"]),
        ([STATIC], ["teacher", "export", "quantize", "pack"]),
        ([DISTIL, PRUNE, STATIC], ["teacher", "distil", "prune", "export", "quantize", "pack"]),
        ([{"distil": {"depth": 1, "alpha": 0}}, PRUNE], ["distil", "prune", "export", "pack"]),
    ],
    ids=["teacher", "pruned", "quantized", "all", "a student that takes nothing from the teacher"],
)
def test_networks_change_before_the_export_and_files_after(context: Context, steps: list, stages: list[str]) -> None:
    assert list(keys(recipe(*steps), context)) == stages


def test_recipes_share_the_work_of_their_common_beginning(context: Context, store: Store) -> None:
    first = run_recipe(recipe(DISTIL, PRUNE, STATIC), context, store)
    second = run_recipe(recipe(DISTIL, PRUNE, DYNAMIC), context, store)
    third = run_recipe(recipe(DISTIL, STATIC), context, store)
    assert [run.reused for run in first.stages] == [False] * 6
    (distilled,) = (entry for entry in store.folder.manifests() if entry["key"] == first.stages[1].key)
    assert distilled["settings"]["epochs"] == context.training.student_epochs
    assert (distilled["task"], distilled["device"]) == (context.fingerprint, "cpu")
    assert [(run.name, run.reused) for run in second.stages] == [
        ("teacher", True),
        ("distil", True),
        ("prune", True),
        ("export", True),
        ("quantize", False),
        ("pack", False),
    ]
    assert [run.reused for run in third.stages] == [True, True, False, False, False]
    assert second.stages[0].seconds == first.stages[0].seconds
    assert len({built.file.read_bytes() for built in (first, second, third)}) == 3


def test_a_chain_is_walked_from_its_end(context: Context, store: Store) -> None:
    whole = recipe(DISTIL, PRUNE, STATIC)
    first = run_recipe(whole, context, store)
    for run in first.stages[:-1]:
        assert store.folder.remove(run.key)
    again = run_recipe(whole, context, store)
    assert again.file == first.file
    assert again.stages == tuple(replace(run, reused=True) for run in first.stages), "with the seconds of what is gone"
    assert [record.key for record in store.folder.records()] == [first.stages[-1].key]


def test_of_a_chain_only_the_parent_of_what_is_missing_is_read(context: Context, store: Store) -> None:
    first = run_recipe(recipe(DISTIL, PRUNE, STATIC), context, store)
    teacher, distil, prune = first.stages[:3]
    for run in (teacher, distil):
        assert store.folder.remove(run.key)
    second = run_recipe(recipe(DISTIL, PRUNE, DYNAMIC), context, store)
    assert [run.reused for run in second.stages] == [True] * 4 + [False] * 2
    assert second.stages[:3] == tuple(replace(run, reused=True) for run in (teacher, distil, prune))
    assert not {teacher.key, distil.key} & {record.key for record in store.folder.records()}


@pytest.mark.parametrize("quantization", [STATIC, DYNAMIC], ids=["static", "dynamic"])
def test_a_recipe_gives_the_same_bytes_wherever_and_after_whatever_it_is_made(
    context: Context, tmp_path: Path, quantization: dict
) -> None:
    stores = [Store(tmp_path / "one"), Store(tmp_path / "another" / "place")]
    first = run_recipe(recipe(DISTIL, PRUNE, quantization), context, stores[0])
    torch.rand(100)
    run_recipe(recipe(PRUNE), context, stores[1])
    second = run_recipe(recipe(DISTIL, PRUNE, quantization), context, stores[1])
    assert [run.key for run in first.stages] == [run.key for run in second.stages]
    assert first.file.read_bytes() == second.file.read_bytes()
    export = [store.get(run.stages[-3].key) for store, run in zip(stores, (first, second), strict=True)]
    assert len({(folder / "model.onnx").read_bytes() for folder in export if folder}) == 1


ALL = ["teacher", "distil", "prune", "export", "quantize", "pack"]


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"seed": 1}, ALL),
        ({"fingerprint": "other"}, ALL),
        ({"learning_rate": 0.02}, ALL),
        ({"weight_decay": 0.5}, ALL),
        ({"teacher_epochs": 5}, ALL),
        ({"student_epochs": 5}, ALL[1:]),
        ({"finetune_epochs": 5}, ALL[2:]),
        ({"optimizer": {"name": "adam"}}, ALL),
        ({"student": Overrides(precision="bf16")}, ALL[1:]),
        ({"finetune": Overrides(learning_rate=0.5)}, ALL[2:]),
        ({"qat": Overrides(learning_rate=0.5), "cuda_graph": False}, []),
        ({}, []),
    ],
    ids=lambda value: "+".join(value) or "nothing" if isinstance(value, dict) else "",
)
def test_a_key_changes_with_what_its_stage_depends_on(context: Context, change: dict, stages: list[str]) -> None:
    if change.keys() <= {"seed", "fingerprint"}:
        other = replace(context, **change)
    else:
        other = replace(context, training=context.training.model_copy(update=change))
    whole = recipe(DISTIL, PRUNE, STATIC)
    assert changed(keys(whole, context), keys(whole, other)) == stages


@pytest.mark.parametrize(
    ("steps", "stages"),
    [
        ([{"distil": {"depth": 1, "alpha": 0.9, "temperature": 2}}, PRUNE, STATIC], ALL[1:]),
        ([DISTIL, {"prune": {"ratio": 0.25}}, STATIC], ALL[2:]),
        ([DISTIL, PRUNE, {"quantize": {"scheme": "static-int8", "calibrator": "entropy"}}], ALL[4:]),
    ],
    ids=["distil", "prune", "quantize"],
)
def test_a_key_changes_with_the_parameters_of_its_step_and_those_before(
    context: Context, steps: list, stages: list[str]
) -> None:
    assert changed(keys(recipe(DISTIL, PRUNE, STATIC), context), keys(recipe(*steps), context)) == stages


def test_a_key_does_not_depend_on_the_place_of_training(context: Context) -> None:
    elsewhere = replace(context, device=torch.device("meta"))
    assert keys(recipe(PRUNE), context) == keys(recipe(PRUNE), elsewhere)


@pytest.mark.parametrize(
    ("steps", "count"),
    [
        ([PRUNE, STATIC], 3),
        ([PRUNE, {"quantize": {"scheme": "qat-int8"}}], 0),
        ([PRUNE, {"quantize": {"scheme": "static-int8", "keep_float": 0.25}}], 0),
        ([DISTIL, PRUNE], 0),
        ([], 0),
    ],
    ids=["one file stage", "training", "two file stages", "network last", "teacher"],
)
def test_the_parents_file_is_before_a_last_step_of_one_file_stage(context: Context, steps: list, count: int) -> None:
    asked = recipe(*steps)
    runs = tuple(StageRun(name, key, 1.0, reused=False) for name, key in keys(asked, context).items())
    assert parent_stages(asked, runs) == runs[:count]


def test_every_stage_has_a_share_of_the_device_while_it_works(context: Context, store: Store, tmp_path: Path) -> None:
    lease = Counting(folder=tmp_path)
    run_recipe(recipe(PRUNE, STATIC), replace(context, lease=lease), store)
    assert lease.taken == len(ALL) - 1
    run_recipe(recipe(PRUNE, STATIC), replace(context, lease=lease), store)
    assert lease.taken == len(ALL) - 1, "what is in the store needs no device"


class Counting(Lease):
    taken = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        self.taken += 1
        with super().shared():
            yield


TAUGHT = {"prune": {"ratio": 0.5, "alpha": 0.5, "temperature": 2}}


def test_recipes_share_all_that_comes_before_a_teacher_is_asked(context: Context) -> None:
    plain, taught = keys(recipe(DISTIL, PRUNE, STATIC), context), keys(recipe(DISTIL, TAUGHT, STATIC), context)
    assert changed(plain, taught) == ALL[2:]
    without = {"prune": {"ratio": 0.5, "alpha": 0}}
    assert keys(recipe(DISTIL, without, STATIC), context) == plain, "no teacher is what was there before"


STANDS_ALONE = {"distil": {"depth": 1, "alpha": 0}}


@pytest.mark.parametrize(
    ("prune", "stages"),
    [(PRUNE, []), ({"prune": {**TAUGHT["prune"], "teacher": "before"}}, []), (TAUGHT, ["prune", "export", "pack"])],
    ids=["no teacher", "the network before", "the teacher"],
)
def test_who_asks_a_teacher_with_which_the_recipe_does_not_begin_is_made_anew_with_it(
    context: Context, prune: dict, stages: list[str]
) -> None:
    other = replace(context, training=context.training.model_copy(update={"teacher_epochs": 5}))
    made_of = recipe(STANDS_ALONE, prune)
    assert changed(keys(made_of, context), keys(made_of, other)) == stages


def test_a_teacher_is_trained_for_those_who_ask_it_in_a_recipe_that_does_not_begin_with_it(
    context: Context, store: Store
) -> None:
    built = run_recipe(recipe(STANDS_ALONE, TAUGHT), context, store)
    assert [run.name for run in built.stages] == ["distil", "prune", "export", "pack"]
    assert store.get(keys(recipe(), context)["teacher"])


@pytest.mark.parametrize("whom", ["teacher", "before"])
def test_fine_tuning_listens_to_whom_it_is_told(whom: str, context: Context, store: Store, monkeypatch) -> None:
    asked: list[nn.Module] = []

    def noting(student: nn.Module, teacher: nn.Module, *arguments: object, **how: object) -> nn.Module:
        asked.append(teacher)
        return student

    run_recipe(recipe(DISTIL), context, store)
    monkeypatch.setattr("pipelines.stages.prune.teach", noting)
    steps = [DISTIL, {"prune": {**TAUGHT["prune"], "teacher": whom}}]
    chain = {stage.name: key for stage, _, key in nodes(recipe(*steps), context)}
    run_stages(network_stages(recipe(*steps)), context, store)
    folder = store.get(chain["teacher" if whom == "teacher" else "distil"])
    assert folder
    expected = Checkpoint.load(folder, context.task).model.state_dict()
    (found,) = asked
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.state_dict().items())


def test_a_teacher_that_was_evicted_is_trained_again_for_those_who_listen(context: Context, store: Store) -> None:
    run_recipe(recipe(DISTIL), context, store)
    first = {stage.name: key for stage, _, key in nodes(recipe(DISTIL), context)}
    assert store.folder.remove(first["teacher"])
    built = run_recipe(recipe(DISTIL, TAUGHT), context, store)
    assert [run.reused for run in built.stages] == [True, True, False, False, False]
    assert store.get(first["teacher"])


def test_what_a_training_has_to_say_goes_with_its_result(context: Context, store: Store, monkeypatch) -> None:
    monkeypatch.setattr(Context, "is_pretrained", lambda self, *which: True)
    built = run_recipe(recipe(), context, store)
    note = "teacher() comes with trained weights, so that its learning rate was 0.0005"
    assert [run.note for run in built.stages if run.name == "teacher"] == [note]
    again = run_recipe(recipe(PRUNE), context, store)
    assert [run.note for run in again.stages if run.name == "teacher"] == [note]
    folder = store.get(again.stages[1].key)
    assert folder
    assert Checkpoint.load(folder, context.task).structure[0] == {"network": "teacher", "gentle": True}
