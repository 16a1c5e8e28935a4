import pytest

from search.config.yaml_file import read_yaml
from spaces import InputError


@pytest.mark.parametrize(
    ("text", "where"),
    [("a: [1\nb: 2\n", ":2:2"), ("a: {b: 1", ":1:9"), ("? [a]\n: 1\n", ":1:3"), ("a: \tb: c", ""), ("\x00", "")],
)
def test_what_is_not_yaml_is_told_with_its_place(write_yaml, text, where) -> None:
    path = write_yaml(text)
    with pytest.raises(InputError) as error:
        read_yaml(path)
    (problem,) = error.value.problems
    assert problem.where.startswith(f"{path}{where}")
    assert problem.message.startswith("not YAML: ")


def test_what_is_yaml_is_read(write_yaml) -> None:
    assert read_yaml(write_yaml("a: [1, 2]\n")) == {"a": [1, 2]}
