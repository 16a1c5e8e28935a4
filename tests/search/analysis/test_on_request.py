import pytest

from search.analysis.on_request import lacking, with_requested
from search.config.objective import Objective
from search.study.front import ParetoFront
from tests.search.results import measured

REASON = {"size_zstd_mb": "not asked for", "latency.load": "quiet"}


@pytest.fixture
def front(make_trial) -> ParetoFront:
    trials = (make_trial(number, (0.9, 4.0, 2.0 - number)) for number in range(2))
    members = tuple(measured(trial, notes=REASON) for trial in trials)
    return ParetoFront((Objective("accuracy", "maximize"),), members)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("accuracy",), ()),
        (("energy_mj",), ()),  # this machine cannot measure it: asking again does not help
        (("size_zstd_mb", "accuracy", "size_zstd_mb"), ("size_zstd_mb",)),
    ],
    ids=["measured", "not available", "on request"],
)
def test_what_is_lacking_is_what_can_be_measured_later(front, names, found) -> None:
    assert lacking(front, names) == found


def test_members_get_the_numbers_in_place_of_the_reason_why_they_had_none(front) -> None:
    asked = []

    def measure(recipe, names):
        asked.append((recipe, tuple(names)))
        return dict.fromkeys(names, float(len(asked)))

    whole = with_requested(front, ["size_zstd_mb"], measure)
    assert asked == [(trial.recipe, ("size_zstd_mb",)) for trial in front.members]
    assert [trial.metrics["size_zstd_mb"] for trial in whole.members] == [1.0, 2.0]
    assert [trial.metrics["size_mb"] for trial in whole.members] == [2.0, 1.0]
    assert all(trial.notes == {"latency.load": "quiet"} for trial in whole.members)
    assert lacking(whole, ["size_zstd_mb"]) == ()
    assert with_requested(front, [], measure) is front
