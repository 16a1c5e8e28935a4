import pytest

from pipelines.pruners.options import RATIO, ROUND_TO, SCOPE, is_global, is_local, ratio_label, value_of, width_label


@pytest.mark.parametrize(
    ("params", "label"),
    [
        ({"ratio": 0.5}, "ch0.5"),
        ({"ratio": 0.5, "scope": "local", "round_to": 8}, "ch0.5"),
        ({"ratio": 0.25, "scope": "global"}, "ch0.25g"),
        ({"ratio": 0.25, "scope": "sensitivity", "round_to": 16}, "ch0.25sr16"),
    ],
)
def test_a_label_has_what_differs_from_the_defaults(params, label) -> None:
    assert width_label("ch", params) == label
    assert ratio_label("ch", params) == label.partition("r")[0]


def test_what_is_not_given_has_its_default_and_a_ratio_has_none() -> None:
    assert (value_of(SCOPE, {}), value_of(ROUND_TO, {})) == ("local", 8)
    assert value_of(ROUND_TO, {"round_to": 1}) == 1
    with pytest.raises(KeyError, match="ratio"):
        value_of(RATIO, {})


@pytest.mark.parametrize(
    ("scope", "together", "alike"), [("local", False, True), ("global", True, False), ("sensitivity", False, False)]
)
def test_layers_are_ranked_together_or_lose_the_same_ratio_or_neither(scope, together, alike) -> None:
    assert (is_global({"scope": scope}), is_local({"scope": scope})) == (together, alike)
