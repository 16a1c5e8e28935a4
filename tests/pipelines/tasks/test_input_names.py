import pytest

from pipelines.tasks.input_names import input_names


@pytest.mark.parametrize(("count", "names"), [(1, ["input"]), (3, ["input_0", "input_1", "input_2"])])
def test_one_needs_no_number(count: int, names: list[str]) -> None:
    assert input_names(count) == names
