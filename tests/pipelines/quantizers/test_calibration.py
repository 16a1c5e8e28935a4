import pytest
import torch

from pipelines.errors import TrialFailed
from pipelines.quantizers import Calibration
from pipelines.quantizers.calibration import AT_ONCE

BATCHES = [(torch.arange(4.0)[:, None], torch.arange(4)), (torch.arange(4.0, 7)[:, None], torch.arange(4, 7))]


@pytest.mark.parametrize(("size", "lengths"), [(None, [4, 3]), (2, [2]), (4, [4]), (5, [4, 1]), (99, [4, 3])], ids=str)
def test_the_first_examples_are_used(size: int | None, lengths: list[int]) -> None:
    feeds = list(Calibration(lambda: BATCHES, size).feeds())
    assert [len(feed["input_0"]) for feed in feeds] == lengths
    assert [len(feed["input_1"]) for feed in feeds] == lengths
    assert feeds[0]["input_1"][0] == 0


def test_inputs_keep_their_names() -> None:
    batch = {"wide": torch.zeros(AT_ONCE + 1, 3), "ids": torch.zeros(AT_ONCE + 1, 2)}
    feeds = list(Calibration(lambda: [batch]).feeds())
    assert [{name: len(values) for name, values in feed.items()} for feed in feeds] == [
        {"ids": AT_ONCE, "wide": AT_ONCE},
        {"ids": 1, "wide": 1},
    ]


def test_large_batches_are_looked_at_in_slices() -> None:
    batch = torch.arange(2.5 * AT_ONCE)[:, None]
    feeds = list(Calibration(lambda: [batch, batch[:3]]).feeds())
    assert [len(feed["input"]) for feed in feeds] == [AT_ONCE, AT_ONCE, AT_ONCE // 2, 3]
    assert torch.equal(torch.cat([torch.from_numpy(feed["input"]) for feed in feeds[:3]]), batch)


def test_no_more_batches_are_drawn_than_needed() -> None:
    def batches():
        yield torch.zeros(4, 1)
        raise LookupError("not asked for")

    assert len(list(Calibration(batches, 4).inputs())) == 1


def test_first_never_asks_for_more() -> None:
    assert Calibration(lambda: BATCHES, 2).first(5).size == 2
    assert Calibration(lambda: BATCHES).first(5).size == 5


def test_the_size_is_the_recipes(tiny) -> None:
    assert [Calibration.of(tiny, {"calibration_size": size}).size for size in ("all", 7)] == [None, 7]
    assert Calibration.of(tiny, {}).size is None
    assert sum(len(x) for (x,) in Calibration.of(tiny, {"calibration_size": 20}).inputs()) == 20


@pytest.mark.parametrize("batches", [[], [torch.zeros(0, 3)]], ids=["no batch", "no example"])
def test_no_examples_fail_the_trial(batches: list) -> None:
    with pytest.raises(TrialFailed, match="the calibration split has no batches"):
        list(Calibration(lambda: batches).feeds())


def test_what_is_dear_is_found_once() -> None:
    calibration, calls = Calibration(lambda: BATCHES), []
    for key in ("a", "b", "a"):
        assert calibration.once(key, lambda key=key: calls.append(key) or key) == key
    assert calls == ["a", "b"]
