import pytest
from pydantic import ValidationError

from pipelines import Training


@pytest.mark.parametrize(
    ("section", "given", "where", "message"),
    [
        (Training, {"teacher_epochs": -1}, "teacher_epochs", "is out of range; legal: a whole number >= 0"),
        (Training, {"student_epochs": 2.5}, "student_epochs", "is not a whole number"),
        (Training, {"learning_rate": 0}, "learning_rate", "is out of range; legal: a number > 0"),
        (Training, {"learning_rates": 1}, "learning_rates", "not permitted"),
    ],
    ids=["below 0", "fraction", "rate 0", "unknown key"],
)
def test_an_illegal_setting_is_refused_by_name(section: type, given: dict, where: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        section(**given)
    (error,) = caught.value.errors()
    assert error["loc"] == (where,)
    assert message in error["msg"]


def test_sections_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Training().teacher_epochs = 3  # type: ignore[misc]
