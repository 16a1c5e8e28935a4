import pytest
from pydantic import ValidationError

from pipelines import Exclude
from pipelines.networks.exclusion import Exclusion


def test_each_step_has_its_own_names() -> None:
    exclude = Exclude(pruning=["head", "stem.*"], quantization="head")
    assert exclude.of("pruning") == Exclusion(("head", "stem.*"))
    assert exclude.of("quantization") == Exclusion(("head",))


def test_only_what_is_excluded_is_in_keys() -> None:
    assert Exclude().settings("pruning") == {}
    assert Exclude(pruning=["b", "a"]).settings("pruning") == {"exclude": ["a", "b"]}
    assert Exclude(pruning=["b"]).settings("quantization") == {}


@pytest.mark.parametrize("names", [3, [3], [""], {"head": True}, None], ids=str)
def test_names_are_a_list_of_text(names: object) -> None:
    with pytest.raises(ValidationError, match=r"is not a list of names of layers, such as \[head, 'blocks\.0\.\*'\]"):
        Exclude(pruning=names)
