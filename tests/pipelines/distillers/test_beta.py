from pipelines.distillers import FEATURES
from pipelines.distillers.beta import BETA


def test_distillers_of_features_share_one_weight() -> None:
    assert {distiller.weight for distiller in FEATURES.values()} == {BETA.key}


def test_a_weight_of_nothing_is_no_weight() -> None:
    assert BETA.domain.problem(0)
    assert BETA.domain.problem(0.5) is None
