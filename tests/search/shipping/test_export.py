import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from pipelines import STEPS
from search.analysis.held_out import hold_out
from search.analysis.post_hoc import PostHoc
from search.config.objective import Objective
from search.config.sweep_config import parse_config
from search.errors import SweepError
from search.execution.executor import InlineExecutor
from search.selection.choice import pick
from search.shipping.export import check_room, export, export_folder
from search.shipping.export_bundle import ExportBundle
from search.study.saved import load_sweep, stored_evaluator
from search.study.workspace import Workspace
from search.sweep import run_sweep
from spaces import InputError, Recipe
from tests.search.results import stored_as

FILES = {"model.onnx", "manifest.json", "README.md", "recipe.yaml", "run.py", "sweep.yaml"}


RAW = {
    "sweep": "small",
    "task": {"use": "docs.examples.tumours:Tumours"},
    "training": {"teacher_epochs": 1, "student_epochs": 1, "finetune_epochs": 0},
    "space": {
        "student": {"depth": ["none", 1]},
        "distillation": {"alpha": [0.0]},
        "pruning": {"method": ["none"]},
        "quantization": {"scheme": ["none"]},
    },
    # Of two files one is the smaller and the other the larger: both are on the front.
    "objectives": {"latency_ms": "minimize", "size_mb": "minimize", "size_zstd_mb": "maximize"},
    "search": {"trials": 2},
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory, empty_mlflow):
    """A small sweep's smallest file."""
    workspace = Workspace(tmp_path_factory.mktemp("shipped"))
    shutil.copyfile(empty_mlflow, workspace.root / "mlflow.db")
    folder = workspace.sweep("small")
    sweep = run_sweep(parse_config(RAW), workspace, executor=InlineExecutor())
    build = stored_evaluator(sweep, workspace)
    choice = pick(sweep.state.front, [], Objective("size_mb", "minimize"))
    file, found = hold_out(choice.trial, build, folder.held_out)
    return ExportBundle(sweep, choice, file, found, PostHoc.of(sweep, folder), build)


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_folder_has_all_that_goes_with_the_file(shipped, tmp_path) -> None:
    export(shipped, tmp_path / "deep" / "out")
    out = tmp_path / "deep" / "out"
    assert {path.name for path in out.iterdir()} == FILES
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    assert (out / "model.onnx").read_bytes() == shipped.file.read_bytes()


def test_the_manifest_has_hashes_figures_and_versions(shipped, tmp_path) -> None:
    export(shipped, tmp_path / "out")
    data = json.loads((tmp_path / "out/manifest.json").read_text(encoding="utf-8"))
    assert data["files"] == {name: sha256(tmp_path / "out" / name) for name in FILES - {"manifest.json"}}
    assert data["sha256"] == data["files"]["model.onnx"]
    assert data["metrics"] == shipped.trial.metrics
    assert data["intervals"]["latency_ms"] == list(shipped.trial.intervals["latency_ms"])
    assert data["baseline"]["metrics"] == shipped.sweep.state.baseline.metrics
    assert Recipe.from_list(data["recipe"], STEPS) == shipped.trial.recipe
    assert list(data["stages"].values())[-1] == shipped.trial.model
    assert data["rebuilds"] is True
    assert {"python", "paredown", "torch", "onnx", "onnxruntime"} <= set(data["versions"])
    assert data["held_out"]["test"]["accuracy"] == data["test_accuracy"]


def test_the_card_says_what_is_known_and_what_is_not(shipped, tmp_path) -> None:
    export(shipped, tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    headings = [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]
    assert headings == [
        "Model details",
        "Intended use",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Caveats and recommendations",
    ]
    assert sha256(shipped.file) in card
    assert "It was chosen as the least size_mb of 2 of 2 front members" in card
    assert "- distil:\n    alpha: 0.0\n" in card
    assert "| test | " in card
    assert "Paredown knows nothing of intended users" in card
    assert f"| size_mb | {shipped.trial.metrics['size_mb']:.4g} |  | " in card
    assert "- latency.conditions: " in card
    assert "says of itself: “Table in, two classes out.”" in card
    assert "another version" not in card
    for row in (line for line in card.splitlines() if line.startswith("| latency_ms")):
        assert row.count(" to ") == 2


def test_a_file_of_other_versions_is_told_to_be_one(shipped, tmp_path) -> None:
    choice = replace(shipped.choice, trial=stored_as(shipped.trial, "f" * 32))
    export(replace(shipped, choice=choice), tmp_path / "out")
    assert json.loads((tmp_path / "out/manifest.json").read_text(encoding="utf-8"))["rebuilds"] is False
    assert "It was made with another version of Paredown" in (tmp_path / "out/README.md").read_text(encoding="utf-8")


def test_the_program_runs_the_file_without_torch(shipped, tmp_path) -> None:
    export(shipped, tmp_path / "out")
    code = "import runpy, sys; sys.modules['torch'] = sys.modules['search'] = None; runpy.run_path(sys.argv[1])"
    command = [sys.executable, "-c", code, str(tmp_path / "out/run.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=True)
    assert len(done.stdout.split()) >= 2  # two logits
    assert len((tmp_path / "out/run.py").read_text(encoding="utf-8").splitlines()) == 12


def test_the_folder_alone_rebuilds_the_file_bit_for_bit(shipped, tmp_path, monkeypatch, cli_run) -> None:
    export(shipped, tmp_path / "out")
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path / "fresh"))
    threads = torch.get_num_threads()
    code, told, err = cli_run("trial", tmp_path / "out/sweep.yaml", tmp_path / "out/recipe.yaml", "--json")
    torch.set_num_threads(threads)
    assert (code, err) == (0, "")
    data = json.loads(told)
    assert data["file"].startswith(str(tmp_path / "fresh"))
    assert not any(stage["reused"] for stage in data["stages"])
    assert data["sha256"] == sha256(tmp_path / "out/model.onnx")
    with open(data["file"], "rb") as stream:
        assert stream.read() == (tmp_path / "out/model.onnx").read_bytes()


def test_an_earlier_export_gives_way(shipped, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    export(shipped, tmp_path / "out")
    (tmp_path / "out/README.md").unlink()
    (tmp_path / "out/__pycache__").mkdir()
    (tmp_path / "out/__pycache__/run.cpython-311.pyc").touch()
    before = (tmp_path / "out").stat().st_ino
    export(shipped, tmp_path / "out")
    assert (tmp_path / "out").stat().st_ino != before
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["README.md", "model.onnx"])
def test_an_export_that_was_changed_since_does_not_give_way(shipped, tmp_path, name) -> None:
    export(shipped, tmp_path / "out")
    (tmp_path / "out" / name).write_text("intended for my aunt", encoding="utf-8")
    with pytest.raises(InputError, match=rf"what was changed since \({name}\), which would be lost"):
        export(shipped, tmp_path / "out")
    assert (tmp_path / "out" / name).read_text(encoding="utf-8") == "intended for my aunt"


def busy(folder: Path) -> Path:
    """A person's folder."""
    folder.mkdir()
    (folder / "thesis.txt").write_text("three years", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"notes.txt": "mine"}, "exists and is not an earlier export"),
        ({"manifest.json": '{"name": "an extension", "files": {}}', "README.md": "mine"}, "is not an earlier export"),
        ({"manifest.json": "mine"}, "is not an earlier export"),
    ],
    ids=["a file", "another's manifest", "no JSON"],
)
def test_a_folder_with_something_else_is_left_alone(shipped, tmp_path, files, told) -> None:
    (tmp_path / "out").mkdir()
    for name, text in files.items():
        (tmp_path / "out" / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        export(shipped, tmp_path / "out")
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()} == files
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["notes.txt", "recipe.yaml.bak", "__pycache__/notes.txt", "deep/notes.txt"])
def test_what_was_put_into_an_earlier_export_stays(shipped, tmp_path, name) -> None:
    export(shipped, tmp_path / "out")
    (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "out" / name).write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds more than an earlier export"):
        export(shipped, tmp_path / "out")
    assert (tmp_path / "out" / name).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("way", ["busy", "new/../busy", "link", "link/../busy", "new/../link"])
def test_no_way_leads_around_the_check(shipped, tmp_path, monkeypatch, way) -> None:
    thesis = busy(tmp_path / "busy") / "thesis.txt"
    (tmp_path / "link").symlink_to("busy")
    monkeypatch.chdir(tmp_path)
    for attempt in (export_folder, lambda folder: export(shipped, folder)):
        with pytest.raises(InputError, match="busy exists and is not an earlier export"):
            attempt(Path(way))
    assert thesis.read_text(encoding="utf-8") == "three years"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["busy", "link"]


def test_a_link_stays_and_what_it_leads_to_is_written(shipped, tmp_path) -> None:
    (tmp_path / "link").symlink_to("real")
    export(shipped, tmp_path / "link")
    export(shipped, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert {path.name for path in (tmp_path / "real").iterdir()} == FILES


def test_what_comes_into_the_folder_while_the_export_is_written_stays(shipped, tmp_path, monkeypatch) -> None:
    copying = shutil.copyfile

    def slow(source, target):
        if not (tmp_path / "out").exists():
            busy(tmp_path / "out")
        return copying(source, target)

    monkeypatch.setattr(shutil, "copyfile", slow)
    with pytest.raises(InputError, match="is not an earlier export"):
        export(shipped, tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "thesis.txt"]


@pytest.mark.parametrize("named", [".", "..", "", "/"])
def test_the_current_folder_cannot_give_way(tmp_path, monkeypatch, named) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is the current folder, or holds it"):
        export_folder(Path(named))


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("file", "exists and is not a folder"),
        ("file/out", "nothing can be written to .*file/out: (Not a directory|File exists)"),
        ("o" * 300, "nothing can be written to .*: File name too long"),
        ("/proc/out", "nothing can be written to /proc/out: No such file or directory"),
        ("loop/out", "nothing can be written to .*loop/out: "),
    ],
    ids=["a file", "within a file", "300 letters", "a file system of the kernel's", "links in a circle"],
)
def test_a_folder_that_cannot_be_made_is_told_before_anything_is_done(tmp_path, named, told) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=told):
        export_folder(tmp_path / named)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


def test_trying_a_folder_leaves_nothing(tmp_path) -> None:
    assert export_folder(tmp_path / "deep/er/out") == tmp_path / "deep/er/out"
    assert list(tmp_path.iterdir()) == []


def test_want_of_room_is_told_before_the_test_split_is_opened(shipped, tmp_path, monkeypatch) -> None:
    check_room(tmp_path / "deep/out", shipped.trial)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(SweepError, match=r"out has room for 0.001 MB, and the export needs 0.1\d* MB; make room"):
        check_room(tmp_path / "deep/out", shipped.trial)


def test_an_export_that_fails_half_way_leaves_nothing_and_the_earlier_one_as_it_was(
    shipped, tmp_path, monkeypatch
) -> None:
    def full(source, target):
        target.write_bytes(source.read_bytes()[:10])

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(SweepError, match="is the disk full"):
        export(shipped, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    export(shipped, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def refuse(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", refuse)
    with pytest.raises(SweepError, match="No space left on device"):
        export(shipped, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_an_earlier_export_comes_back_when_the_new_one_cannot_take_its_place(shipped, tmp_path, monkeypatch) -> None:
    export(shipped, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    renaming = os.rename

    def fail(source, target):
        if str(source).endswith("new"):
            raise OSError(5, "Input/output error")
        renaming(source, target)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(SweepError, match="Input/output error"):
        export(shipped, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
def test_a_pruned_and_quantized_student_is_rebuilt_bit_for_bit(
    make_config, with_mlflow, tmp_path, cli_run, monkeypatch
):
    """Through the command line and Ray's workers, as a person does it."""
    config = make_config(
        training={"teacher_epochs": 2, "student_epochs": 2, "finetune_epochs": 1},
        space={
            "student": {"depth": 1},
            "distillation": {"alpha": [0.5], "temperature": [2]},
            "pruning": {"method": "channel", "ratio": 0.5},
            "quantization": {"scheme": "static-int8"},
        },
        search={"trials": 2},
    )
    run_sweep(config, with_mlflow)
    assert [trial.label for trial in load_sweep("small", with_mlflow).trials][1].count("·") >= 2
    code, _, err = cli_run("pick", "small", "--where", "size_ratio<1", "--export", tmp_path / "out")
    assert code == 0, err
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path / "fresh"))
    code, told, err = cli_run("trial", tmp_path / "out/sweep.yaml", tmp_path / "out/recipe.yaml", "--json")
    assert code == 0, err
    assert json.loads(told)["sha256"] == sha256(tmp_path / "out/model.onnx")
