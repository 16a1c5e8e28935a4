import pytest
import torch

from pipelines.importances import L2
from pipelines.pruners import PruningRequest
from pipelines.pruners.ranking import Ranked, removed


def cut(sizes: dict[str, int], ratio: float | dict[str, float]) -> PruningRequest:
    return PruningRequest(torch.zeros(1), ratio, sizes, L2())


def ranked(*scores: float, multiple: int = 1, repeats: int = 1) -> Ranked:
    return Ranked(torch.tensor(scores, dtype=torch.float32), multiple, repeats)


def test_each_layer_loses_its_lowest() -> None:
    layers = {"a": ranked(3, 1, 2, 4), "b": ranked(30, 10, 20)}
    assert removed(layers, cut({"a": 4, "b": 3}, 0.5), together=False) == {"a": [1, 2], "b": [1, 2]}


def test_together_the_lowest_of_all_go_but_one_of_each_layer_stays() -> None:
    layers = {"a": ranked(1, 2, 3, 4), "b": ranked(30, 10, 20, 40)}
    assert removed(layers, cut({"a": 4, "b": 4}, 0.25), together=True) == {"a": [0, 1]}
    assert removed(layers, cut({"a": 4, "b": 4}, 0.5), together=True) == {"a": [0, 1, 2], "b": [1]}
    assert removed(layers, cut({"a": 4, "b": 4}, 0.9), together=True) == {"a": [0, 1, 2], "b": [0, 1, 2]}


@pytest.mark.parametrize("together", [False, True], ids=["local", "global"])
@pytest.mark.parametrize("ratio", [0.05, 0.3, 0.5, 0.75, 0.95])
def test_what_stays_is_a_multiple_and_never_nothing(ratio: float, together: bool) -> None:
    torch.manual_seed(0)
    widths = {"narrow": 5, "even": 16, "odd": 20, "wide": 64}
    layers = {name: Ranked(torch.rand(width), multiple=8) for name, width in widths.items()}
    gone = removed(layers, cut(widths, ratio), together=together)
    kept = {name: width - len(gone.get(name, [])) for name, width in widths.items()}
    assert kept["narrow"] == 5
    assert all(count % 8 == 0 and count >= 8 for name, count in kept.items() if name != "narrow")
    if together:
        assert sum(kept.values()) <= max(sum(widths.values()) * (1 - ratio), 5 + 8 + 8 + 8)
    else:
        assert all(kept[name] <= max(8, width * (1 - ratio)) for name, width in widths.items())


@pytest.mark.parametrize("together", [False, True], ids=["local", "global"])
def test_less_than_half_a_unit_does_not_become_a_multiple(together: bool) -> None:
    layers = {"a": Ranked(torch.rand(16), multiple=8)}
    assert removed(layers, cut({"a": 16}, 0.001), together=together) == {}
    assert len(removed(layers, cut({"a": 16}, 0.05), together=together)["a"]) == 8


def test_parts_that_repeat_count_for_all_their_units() -> None:
    layers = {"a": ranked(1, 2, 3, 4, repeats=2), "b": ranked(5, 6)}
    assert removed(layers, cut({"a": 8, "b": 2}, 0.2), together=True) == {"a": [0]}
    assert removed(layers, cut({"a": 8, "b": 2}, 0.5), together=False) == {"a": [0, 1], "b": [0]}


def test_later_cuts_refer_to_the_sizes_at_the_beginning() -> None:
    assert removed({"a": ranked(1, 2, 3)}, cut({"a": 4}, 0.25), together=False) == {}
    assert removed({"a": ranked(1, 2, 3)}, cut({"a": 4}, 0.5), together=False) == {"a": [0]}
    assert removed({"a": ranked(1, 2, 3)}, cut({"a": 4}, 0.5), together=True) == {"a": [0]}


def test_ratios_by_layer_leave_nothing_to_rank_together() -> None:
    layers = {"a": ranked(1, 2), "b": ranked(30, 10)}
    assert removed(layers, cut({"a": 2, "b": 2}, {"b": 0.5}), together=True) == {"b": [1]}


def test_equal_units_go_in_their_order() -> None:
    assert removed({"a": ranked(1, 1, 1, 1)}, cut({"a": 4}, 0.5), together=False) == {"a": [0, 1]}
