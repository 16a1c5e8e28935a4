import json

import pytest

from search.replay import surrogate
from search.replay.record import Record
from search.study.saved import Sweep
from tests.search.replay.worlds import small_sweep


@pytest.fixture(scope="module")
def sweep(config, analytic) -> Sweep:
    return small_sweep(config, analytic)


@pytest.fixture(scope="module")
def grown(sweep) -> surrogate.Surrogate:
    """The model that each replay of the sweep would grow anew."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(surrogate, "TREES", 20)
        return surrogate.Surrogate(sweep.config, [trial for trial in sweep.trials if trial.recipe.steps])


@pytest.fixture
def ended(sweep, grown, monkeypatch) -> Sweep:
    """The small sweep, as if it lay in the workspace."""
    monkeypatch.setattr("search.replay.recorded.Surrogate", lambda config, trials: grown)
    monkeypatch.setattr("search.study.saved.load_sweep", lambda name: sweep)
    return sweep


def test_it_shows_the_sweep_as_it_was_and_as_it_would_have_been(ended, cli_run) -> None:
    code, out, _ = cli_run("replay", "small", "-o", "search.trials=3", "--slots", "2", "--seeds", "2")
    assert code == 0
    assert "as it was" in out
    assert "replayed" in out
    assert "numbers" in out


def test_as_data_and_as_a_picture(ended, cli_run, tmp_path) -> None:
    picture = tmp_path / "replay.svg"
    code, out, err = cli_run(
        "replay", "small", "-o", "search.trials=3", "--seeds", "2", "--json", "--plot", str(picture)
    )
    assert code == 0
    data = json.loads(out)
    assert data["sweep"]["trials"] == 30
    assert [each["trials"] for each in data["replays"]] == [3, 3]
    assert picture.read_text(encoding="utf-8").startswith("<?xml")
    assert f"wrote {picture}" in err.replace("\n", "")


def test_a_record_is_replayed_without_the_sweep(ended, cli_run, tmp_path, monkeypatch) -> None:
    record = tmp_path / "small.json"
    record.write_bytes(Record.of(ended).to_bytes(packed=False))
    monkeypatch.delattr("search.study.saved.load_sweep")
    code, out, _ = cli_run("replay", str(record), "-o", "search.trials=2", "--seeds", "1")
    assert code == 0
    assert "sweep small, replayed 1 time" in out
    assert cli_run("replay", str(tmp_path / "other.json"))[0] == 2


def test_wrong_input_is_told(ended, cli_run) -> None:
    code, _, err = cli_run("replay", "small", "-o", "space.student.depth=3")
    assert code == 2
    assert "a replay changes how is searched, not what" in err
