import pytest

from pipelines import Store, Target
from pipelines.formats.onnx_format import MODEL
from search.study.state import SweepState
from search.tracking import lineage
from search.tracking.lineage import front_models, stored_file
from tests.search.results import stored_as


@pytest.fixture
def members(make_trial, tmp_path):
    """Forty members of a front, each with a file of a kilobyte in the store."""

    def make(number):
        trial = make_trial(number, (0.5 + number / 1000, 1.0 + number / 100, 2.0))
        key = f"{number:032x}"
        Store(tmp_path).compute(key, lambda folder: (folder / MODEL).write_bytes(bytes(1000)), {})
        return stored_as(trial, key)

    return [make(number) for number in range(1, 41)]


def test_a_long_front_is_thinned_along_its_length_and_keeps_the_ready_picks(config, members, tmp_path) -> None:
    chosen = [trial.number for trial, _ in front_models(config, SweepState.of(members, config), Store(tmp_path))]
    assert len(chosen) == len(set(chosen)) <= lineage.MODELS
    assert 1 in chosen  # the fastest
    assert 40 in chosen  # the most accurate
    assert len(chosen) >= 20


def test_a_short_front_is_whole(config, members, tmp_path) -> None:
    state = SweepState.of(members[:7], config)
    assert sorted(trial.number for trial, _ in front_models(config, state, Store(tmp_path))) == list(range(1, 8))


def test_files_are_bounded_by_their_bytes(config, members, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(lineage, "MODELS_MB", 0.0035)
    assert len(list(front_models(config, SweepState.of(members, config), Store(tmp_path)))) == 3


def test_what_the_store_has_lost_is_passed_over(config, members, tmp_path) -> None:
    stored_file(members[0], Store(tmp_path), Target()).write_bytes(b"damaged")
    lost = stored_as(members[1], "f" * 32)
    assert stored_file(members[0], Store(tmp_path), Target()) is None
    assert stored_file(lost, Store(tmp_path), Target()) is None
    state = SweepState.of([members[0], lost, members[2]], config)
    assert [trial.number for trial, _ in front_models(config, state, Store(tmp_path))] == [3]
