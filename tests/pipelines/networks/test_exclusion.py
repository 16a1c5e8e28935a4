import pytest
from torch import nn

from pipelines.networks.exclusion import Exclusion


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("head", ["head", "head.weight"]),
        ("blocks.0", ["blocks.0", "blocks.0.fc", "blocks.0.fc.weight"]),
        ("blocks.*.fc", ["blocks.0.fc", "blocks.10.fc.weight", "blocks.0.fc.weight"]),
        ("*", ["head", "blocks.0", "blocks.0.fc.weight", "head.weight", "blocks.10.fc.weight", "blocks.0.fc"]),
        ("hea", []),
    ],
)
def test_a_name_covers_what_is_within(pattern: str, covered: list[str]) -> None:
    names = {"head", "head.weight", "blocks.0", "blocks.0.fc", "blocks.0.fc.weight", "blocks.10.fc.weight"}
    assert {name for name in names if Exclusion((pattern,)).covers(name)} == {*covered}


def test_nothing_is_covered_without_names() -> None:
    assert not Exclusion().covers("head")


def test_a_module_is_touched_by_what_names_a_part_of_it() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Linear(2, 2))
    for name in ("0", "0.0", "0.0.bias", "*"):
        assert Exclusion((name,)).touches(model, "0")
    assert not Exclusion(("1", "0.2")).touches(model, "0")


def test_names_that_no_network_has_are_found() -> None:
    one, other = nn.Sequential(nn.Linear(2, 2)), nn.ModuleDict({"head": nn.Linear(2, 2)})
    assert Exclusion(("0", "head.bias", "h*", "tail", "head.0")).unmatched([one, other]) == ["tail", "head.0"]
