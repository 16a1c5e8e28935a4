import pickle

import pytest

from spaces import InputError, Problem, illegal, listed, near_miss, shown
from spaces.errors import LONGEST_MESSAGE, MOST_CHOICES, MOST_PROBLEMS


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
        ("CHANNEL", ["channel"], "'CHANNEL' is not known (did you mean 'channel'?); legal: channel"),
        ("chanel", ["channel", "none"], "'chanel' is not known (did you mean 'channel'?); legal: channel, none"),
        ("zzz", ["channel", "none"], "'zzz' is not known; legal: channel, none"),
        (7, [1, 2], "7 is not known; legal: 1, 2"),
        ("x", [], "'x' is not known; legal: nothing"),
    ],
    ids=["other case", "near miss", "far miss", "numbers", "nothing is legal"],
)
def test_an_illegal_value_is_shown_with_what_is_legal(value: object, legal: list[object], message: str) -> None:
    assert illegal(value, legal) == message


def test_a_problem_is_one_line() -> None:
    assert str(Problem("-o a\nb", "is\nodd")) == "-o a b: is odd"


def test_thousands_of_problems_are_the_first_ones_and_a_number() -> None:
    error = InputError(Problem(f"key{index}", "is odd") for index in range(3000))
    assert error.lines() == [*(f"key{index}: is odd" for index in range(MOST_PROBLEMS)), "and 2,980 more problems"]
    assert str(error) == "\n".join(error.lines())
    assert len(error.problems) == 3000


def test_a_long_place_and_a_long_message_are_cut_in_the_middle() -> None:
    line = str(Problem("k" * 5000, f"begins {'x' * 5000} ends"))
    assert len(line) < LONGEST_MESSAGE + 150
    assert line.startswith("kkk")
    assert "k: begins xxx" in line
    assert line.endswith("xxx ends")


def test_a_long_value_leaves_room_for_what_is_legal() -> None:
    message = illegal("z" * 100_000, ["channel", "none"])
    assert len(message) < 150
    assert message.endswith("is not known; legal: channel, none")
    assert illegal("x", range(1000)).endswith(f"39, … ({1000 - MOST_CHOICES} more)")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1] * 9, "[1, 1, 1, 1, 1, 1, ...]"),
        ([[[[[1]]]]], "[[[[...]]]]"),
        ("short", "'short'"),
        (10**99, f"1{'0' * 17}...{'0' * 19}"),
    ],
    ids=["long", "deep", "short", "huge"],
)
def test_a_value_is_shown_short(value: object, text: str) -> None:
    assert shown(value) == text


def test_few_values_are_all_listed() -> None:
    assert listed([1, "two", None]) == "1, two, None"


@pytest.mark.parametrize(
    ("value", "meant"), [("depht", "depth"), ("depth", "depth"), ("zzz", None)], ids=["slip", "right", "another"]
)
def test_a_near_miss_is_found(value, meant) -> None:
    assert near_miss(value, ["width", "depth"]) == meant


def test_what_is_right_is_compared_with_nothing_else(monkeypatch) -> None:
    """Thousands of trials of a sweep are read so."""
    monkeypatch.delattr("difflib.get_close_matches")
    assert near_miss(2, [1, 2]) == "2"
