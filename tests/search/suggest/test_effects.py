import numpy as np
import pytest

from search.suggest.effects import Effects

ONE, TWO, NO = np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.zeros(2)


@pytest.fixture
def effects() -> Effects:
    return Effects(2, prior=np.array([0.4, 0.04]), noise=np.array([0.1, 0.01]))


def test_without_pairs_a_choice_changes_nothing_and_nothing_is_known_of_it(effects) -> None:
    effects.add("a", NO, np.array([1.0, 2.0]))
    mean, spread = effects.predict("a", np.stack([NO, ONE]))
    assert mean.tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert spread[0].tolist() == [0.0, 0.0]
    assert spread[1] == pytest.approx([0.4, 0.04])


def test_one_pair_is_believed_as_far_as_it_goes(effects) -> None:
    """One difference d of two noisy values, with noise 0.1 and prior 0.4: the mean is d · 0.16 / (0.16 + 2 · 0.01)."""
    effects.add("a", NO, np.array([1.0, 0.0]))
    effects.add("a", ONE, np.array([0.5, 0.0]))
    effects.add("b", NO, np.array([3.0, 0.0]))
    mean, spread = effects.predict("b", np.stack([ONE, TWO]))
    assert mean[0, 0] == pytest.approx(3 - 0.5 * 0.16 / 0.18)
    assert mean[1, 0] == pytest.approx(3)
    assert spread[0, 1] < spread[1, 1] / 2


def test_what_is_seen_often_is_known(effects) -> None:
    chance = np.random.default_rng(0)
    truth = np.array([[-0.7, 0.01], [0.3, -0.02]])
    for group in range(40):
        level = chance.normal(size=2)
        for choice in (NO, ONE, TWO):
            noise = chance.normal(size=2) * [0.05, 0.002]
            effects.add(group, choice, level + choice @ truth + noise)
    effects.add("new", NO, np.zeros(2))
    mean, spread = effects.predict("new", np.stack([ONE, TWO]))
    assert mean == pytest.approx(truth, abs=0.03)
    assert (spread < [0.03, 0.003]).all()


def test_the_order_of_results_does_not_matter() -> None:
    chance = np.random.default_rng(1)
    results = [(n % 3, np.eye(2)[n % 2], chance.normal(size=1)) for n in range(12)]
    found = []
    for order in (results, results[::-1]):
        effects = Effects(2, np.array([0.4]), np.array([0.1]))
        for group, features, values in order:
            effects.add(group, features, values)
        found.append(effects.predict(1, np.eye(2)))
    assert found[0][0] == pytest.approx(found[1][0])
    assert found[0][1] == pytest.approx(found[1][1])
