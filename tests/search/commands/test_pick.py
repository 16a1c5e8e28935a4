import json

import pytest

from search.executor import InlineExecutor
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
    assert len(sweep.standing.front.members) == 2
    largest = json.loads(cli_run("pick", "small", "--maximize", "size_mb", "--json")[1])
    _, out, err = cli_run("pick", "small", "--minimize", "size_mb", "--json")
    assert f"the test split was opened before, for trial {largest['trial']}:" in err
    assert json.loads(out)["trial"] != largest["trial"]
    assert json.loads(out)["p_front"] == 1
