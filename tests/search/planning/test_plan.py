import json

from pipelines.tasks.digits import Digits
from search.planning.plan import Plan

ORDERS = ["distil-prune-quantize", "prune-distil-quantize"]


def test_a_sweep_in_two_orders_by_hand(make_config) -> None:
    # 3 students × (α 0, or α 0.5 with 2 temperatures), 3 ratios or none, 2 schemes; α 0 is pointless after pruning
    plan = Plan.of(make_config(space={"order": ORDERS}), Digits())
    (rule,) = plan.rules
    assert rule.combination.startswith("prune → distil, distillation.alpha 0")
    assert plan.rules[rule] == plan.excluded == 3 * 3 * 2
    assert plan.orders == {ORDERS[0]: 9 * 3 * 2, ORDERS[1]: 6 * 3 * 2}
    assert plan.recipes == 9 * 2 + sum(plan.orders.values())
    assert plan.trials == 12
    assert plan.warnings == ()


def test_trials_end_with_the_space_and_the_teacher(make_config) -> None:
    small = {"student": {"depth": 1}, "distillation": {"temperature": 2}, "pruning": {"method": "none"}}
    assert Plan.of(make_config(space=small, search={"trials": 100}), Digits()).trials == 2 * 2 + 1
    small["student"] = {"depth": ["none", 1]}
    assert Plan.of(make_config(space=small, search={"trials": 100}), Digits()).trials == 3 * 2
    assert Plan.of(make_config(space=small, search={"trials": 3}), Digits()).trials == 3


def test_it_is_plain_data(make_config) -> None:
    data = Plan.of(make_config(space={"order": ORDERS}), Digits()).to_json()
    assert json.loads(json.dumps(data)) == data
    assert data["rules"][0]["recipes"] == data["excluded"] == 18


def test_with_a_budget_alone_there_may_be_as_many_trials_as_recipes(make_config) -> None:
    assert Plan.of(make_config(search={"trials": None, "budget": "2h"}), Digits()).trials == 72 + 1
