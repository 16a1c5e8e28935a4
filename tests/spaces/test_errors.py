import pickle

import pytest

from spaces import InputError, Problem, illegal


def test_an_input_error_shows_every_problem_on_its_own_line() -> None:
    error = InputError([Problem("space.student", "is odd"), Problem("sweep", "is missing")])
    assert str(error) == "space.student: is odd\nsweep: is missing"


def test_at_makes_an_error_of_one_problem() -> None:
    assert InputError.at("task.use", "is odd").problems == (Problem("task.use", "is odd"),)


def test_an_input_error_survives_pickling() -> None:
    error = InputError.at("task.use", "is odd")
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


@pytest.mark.parametrize(
    ("value", "legal", "message"),
    [
        ("chanel", ["channel", "none"], "'chanel' is not known (did you mean 'channel'?); legal: channel, none"),
        ("zzz", ["channel", "none"], "'zzz' is not known; legal: channel, none"),
        (7, [1, 2], "7 is not known; legal: 1, 2"),
        ("x", [], "'x' is not known; legal: nothing"),
    ],
    ids=["near miss", "far miss", "numbers", "nothing is legal"],
)
def test_an_illegal_value_is_shown_with_what_is_legal(value: object, legal: list[object], message: str) -> None:
    assert illegal(value, legal) == message
