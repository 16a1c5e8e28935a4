import pytest

from pipelines.pruners.schedule import SCHEDULES, epochs_of, shares


def test_cubic_takes_most_at_first_and_linear_the_same_each_time() -> None:
    assert shares(2, "cubic") == [0.875, 1.0]
    assert shares(4, "linear") == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_every_schedule_grows_to_the_whole(schedule: str, steps: int) -> None:
    gone = shares(steps, schedule)
    assert len(gone) == steps
    assert gone == sorted(set(gone))
    assert gone[0] > 0
    assert gone[-1] == 1


@pytest.mark.parametrize(
    ("total", "steps", "expected"),
    [(5, 1, [5]), (5, 3, [1, 2, 2]), (6, 3, [2, 2, 2]), (1, 3, [0, 0, 1]), (0, 2, [0, 0])],
)
def test_epochs_are_divided_and_the_rest_goes_to_the_last(total: int, steps: int, expected: list[int]) -> None:
    assert epochs_of(total, steps) == expected
