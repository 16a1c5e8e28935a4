import pytest

from pipelines import STEPS
from search.suggest.costs import Costs
from search.suggest.first_batch import BRANCHES, SHARE, TRUNKS, FirstBatch
from search.suggest.in_flight import InFlight
from spaces import NONE, SearchSpace
from tests.search.simulator import SECONDS, chain


@pytest.fixture
def batch(config):
    """Makes the batch of a sweep, and lists what it proposes; everything is computed at once."""

    def propose_all(space=config.space, seed=0, planned=100, tried=lambda recipe: False) -> list:
        stored, costs = set(), Costs()
        for name, seconds in SECONDS.items():
            costs.add(name, seconds)
        made = FirstBatch(space, seed, planned, InFlight(chain, stored.__contains__, costs), tried)
        found = []
        while proposal := made.propose():
            found.append(proposal)
            stored |= {stage.key for stage in chain(proposal.recipe)}
        return found

    return propose_all


def trunk(proposal) -> tuple:
    return tuple(sorted((k, v) for k, v in proposal.params.items() if k.startswith(("student", "distillation"))))


def test_few_networks_are_gone_on_from_in_several_ways(batch) -> None:
    found = batch()
    trunks = [trunk(each) for each in found]
    assert len(found) == TRUNKS * BRANCHES
    assert len(set(trunks)) == TRUNKS
    assert {each.params["student.depth"] for each in found} == {1, 2, 3}
    assert len({each.recipe.digest for each in found}) == len(found)
    assert all(each.by == "first" for each in found)


def test_what_is_there_is_pruned_before_another_network_is_trained(batch) -> None:
    trunks = [trunk(each) for each in batch()]
    assert [trunks.index(each) // BRANCHES for each in trunks] == [0] * 4 + [1] * 4 + [2] * 4


def test_each_network_is_tried_as_it_is_and_no_file_is_quantized(batch) -> None:
    found = batch()
    assert sum(each.params["pruning.method"] == NONE for each in found) == TRUNKS
    assert all(each.params["quantization.scheme"] == NONE for each in found)


def test_a_seed_has_its_batch(batch) -> None:
    first, again, other = ([each.recipe.digest for each in batch(seed=seed)] for seed in (0, 0, 1))
    assert first == again != other


def test_it_is_a_share_of_the_trials_and_repeats_none(batch) -> None:
    assert len(batch(planned=8)) == SHARE * 8
    known = batch()[0].recipe
    assert known.digest not in [each.recipe.digest for each in batch(tried=lambda recipe: recipe == known)]


def test_a_space_of_files_has_none(batch) -> None:
    assert batch(SearchSpace.parse({"quantization": {"scheme": ["none", "static-int8"]}}, STEPS)) == []
