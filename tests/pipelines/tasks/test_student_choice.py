import pytest

from pipelines.tasks.student_choice import StudentChoice, all_choices


@pytest.mark.parametrize(
    ("values", "call", "place"),
    [
        ({"depth": 2}, "student(2)", "space.student.depth"),
        ({"depth": 2, "width": 0.5}, "student(2, width=0.5)", "space.student"),
        ({"depth": 2, "block": "basic"}, "student(2, block='basic')", "space.student"),
        (
            {"kernel": 5, "depth": 2, "width": 0.5, "block": "basic"},
            "student(2, width=0.5, block='basic', kernel=5)",
            "space.student",
        ),
    ],
    ids=["depth", "width", "own", "all"],
)
def test_a_choice_is_told_as_the_call_that_makes_it(values: dict, call: str, place: str) -> None:
    choice = StudentChoice.of(values)
    assert (choice.call, choice.place) == (call, place)
    assert choice.told == {"width": 1.0, **values}
    assert choice == StudentChoice.of(dict(reversed(values.items())))


def test_all_choices_are_every_combination_without_the_teacher() -> None:
    found = list(all_choices({"depth": ("none", 1, 2), "width": (1.0,), "block": ("a", "b")}))
    assert [choice.call for choice in found] == [f"student({depth}, block='{b}')" for depth in (1, 2) for b in "ab"]
