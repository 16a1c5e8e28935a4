import json
import shutil
from types import SimpleNamespace

import pytest

from search.execution.executor import InlineExecutor
from search.sweep import run_sweep


@pytest.fixture
def sweep(guarded, with_mlflow):
    return run_sweep(guarded(may_open=True), with_mlflow, executor=InlineExecutor())


def test_validation_and_test_are_shown_side_by_side_with_their_intervals(sweep, cli_run) -> None:
    code, out, err = cli_run("pick", "small", "--minimize", "size_mb")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert any("validation" in line and "–" in line and "16" in line for line in lines)
    assert any("test" in line and "–" in line and "16" in line for line in lines)
    assert "opened" not in out
    assert "test (opened 2" in cli_run("pick", "small", "--minimize", "size_mb")[1]


def test_what_no_trial_was_asked_for_is_measured_of_the_front_if_it_decides(sweep, cli_run) -> None:
    code, out, err = cli_run(
        "pick", "small", "--where", "size_zstd_ratio<=9", "--minimize", "size_zstd_ratio", "--json"
    )
    assert code == 0
    assert "measuring size_zstd_ratio of 2 files: no trial was asked for it" in " ".join(err.split())
    found = json.loads(out)
    assert found["metrics"]["size_zstd_ratio"] > 0
    assert "size_zstd_ratio" not in found["notes"]
    assert found["reason"].startswith("the least size_zstd_ratio of 2 of 2 front members with size_zstd_ratio <= 9")
    assert sweep.trials[0].notes["size_zstd_ratio"].startswith("not asked for")


def test_the_manifest_has_what_was_seen_the_first_time(sweep, cli_run, tmp_path) -> None:
    first = json.loads(cli_run("pick", "small", "--minimize", "size_mb", "--json")[1])
    again = json.loads(cli_run("pick", "small", "--minimize", "size_mb", "--export", tmp_path / "out", "--json")[1])
    assert again["held_out"] == first["held_out"]
    manifest = json.loads((tmp_path / "out/manifest.json").read_text(encoding="utf-8"))
    assert manifest["held_out"]["test"] == first["held_out"]["test"]
    assert manifest["held_out"]["validation"] == first["held_out"]["validation"]
    assert manifest["test_accuracy"] == first["test_accuracy"] == first["held_out"]["test"]["accuracy"]
    assert manifest["held_out"]["opened"].startswith("20")


def test_picking_another_one_says_that_the_test_split_was_opened_before(sweep, cli_run) -> None:
    assert len(sweep.state.front.members) == 2
    largest = json.loads(cli_run("pick", "small", "--maximize", "size_mb", "--json")[1])
    _, out, err = cli_run("pick", "small", "--minimize", "size_mb", "--json")
    assert f"the test split was opened before, for trial {largest['trial']}:" in err
    assert json.loads(out)["trial"] != largest["trial"]
    assert json.loads(out)["p_front"] == 1


def test_all_that_is_wrong_is_told_at_once(sweep, cli_run, tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    code, out, err = cli_run(
        *("pick", "smal", "--where", "speed<=3", "--where", "accuracy=1", "--minimize", "size", "--knee"),
        *("--weights", "accuracy=0", "--export", tmp_path, "--register", "name"),
    )
    assert (code, out) == (2, "")
    told = [line.removeprefix("paredown: ").split(": ")[0] for line in err.splitlines()]
    assert told == [
        "--where",
        "--where",
        "--minimize, --knee, --weights",
        "--minimize",
        "--weights",
        "SWEEP",
        "--export",
        "--register",
    ]
    assert "'smal' is not known (did you mean 'small'?)" in err


def test_weights_decide_and_the_runner_up_is_told(sweep, cli_run) -> None:
    small, large = sorted(sweep.trials, key=lambda trial: trial.metrics["size_mb"])
    data = json.loads(cli_run("pick", "small", "--weights", "size_mb=1", "--json")[1])
    assert (data["trial"], data["feasible"], data["members"]) == (small.number, 2, 2)
    assert data["runner_up"]["trial"] == large.number
    assert data["runner_up"]["costs"]["size_mb"] == pytest.approx(large.metrics["size_mb"] - small.metrics["size_mb"])
    assert (
        "why: the best by weights size_mb=1 of 2 of 2 front members; next comes trial"
        in (cli_run("pick", "small", "--weights", "size_mb=1")[1])
    )


def test_nothing_feasible_exits_1_and_names_the_bound(sweep, cli_run) -> None:
    code, out, err = cli_run("pick", "small", "--where", "accuracy>=0", "--where", "latency_ratio<=0.0001")
    assert (code, out) == (1, "")
    assert "latency_ratio <= 0.0001 alone excludes all (nearest: trial " in err
    assert " too much)" in err


def test_the_test_split_stays_shut_if_the_export_cannot_be_written(
    sweep, cli_run, workspace, tmp_path, monkeypatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    for named, told in (
        ("file", "is not a folder"),
        ("file/out", "nothing can be written to"),
        ("out", "has room for 0 MB, and the export needs"),
    ):
        _, out, err = cli_run("pick", "small", "--knee", "--export", tmp_path / named)
        assert out == ""
        assert told in err
    assert not workspace.sweep("small").held_out.exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".py") == ["file", "home"]
