import json

import pytest

from search.replay import replay as replaying
from search.replay.recorded import Recorded
from tests.search.simulator import chain


@pytest.fixture
def ended(make_config, run_inline, analytic, monkeypatch):
    """The small sweep of 15 trials; what it shares is not asked of the real task."""
    monkeypatch.setattr("search.study.saved.stored_evaluator", lambda sweep, workspace: None)
    monkeypatch.setattr(replaying, "recorded", lambda sweep, evaluator: Recorded(sweep, chain, chain))
    return run_inline(make_config(search={"trials": 15}), analytic)


def test_it_shows_the_sweep_as_it_was_and_as_it_would_have_been(ended, cli_run) -> None:
    code, out, _ = cli_run("replay", "small", "-o", "search.trials=6", "--slots", "2", "--seeds", "2")
    assert code == 0
    assert "as it was" in out
    assert "replayed" in out
    assert "numbers" in out


def test_as_data_and_as_a_picture(ended, cli_run, tmp_path) -> None:
    picture = tmp_path / "replay.svg"
    code, out, err = cli_run(
        "replay", "small", "-o", "search.trials=6", "--seeds", "2", "--json", "--plot", str(picture)
    )
    assert code == 0
    data = json.loads(out)
    assert data["sweep"]["trials"] == 15
    assert [each["trials"] for each in data["replays"]] == [6, 6]
    assert picture.read_text(encoding="utf-8").startswith("<?xml")
    assert f"wrote {picture}" in err.replace("\n", "")


def test_wrong_input_is_told(ended, cli_run) -> None:
    code, _, err = cli_run("replay", "small", "-o", "space.student.depth=3")
    assert code == 2
    assert "a replay changes how is searched, not what" in err
    assert cli_run("replay", "nobody")[0] == 2
