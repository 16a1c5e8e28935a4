import json

from search.reports.front_comparison_data import front_comparison_frame, front_comparison_json


def test_it_is_plain_data(two_fronts) -> None:
    data = front_comparison_json(two_fronts)
    assert json.loads(json.dumps(data)) == data
    assert data["objectives"] == {"accuracy": "maximize", "latency_ms": "minimize"}
    assert [(each["name"], len(each["front"])) for each in data["fronts"]] == [("a", 2), ("b", 2)]
    assert [trial["joint"] for trial in data["fronts"][0]["front"]] == [True, False]
    assert [each["baseline"]["trial"] for each in data["fronts"]] == [0, 0]


def test_a_frame_has_a_row_for_each_member_of_each_front(two_fronts) -> None:
    frame = front_comparison_frame(two_fronts)
    assert frame["front"].tolist() == ["a", "a", "b", "b"]
    assert frame["joint"].tolist() == [True, False, True, True]
    assert frame["latency_ms"].tolist() == [4.0, 1.0, 2.0, 0.5]
