import json

from pipelines.sensitivity_table import Row, Sensitivity

FOUND = Sensitivity(
    0.75,
    100,
    {"0": 8, "2": 16},
    (
        Row("2", 0.5, 8, 40, 0.5, 0.25),
        Row("2", 0.25, 4, 20, 0.625, 0.125),
        Row("0", 0.5, note="the cut changes nothing"),
    ),
)


def test_layers_keep_their_order_and_ratios_rise() -> None:
    assert FOUND.layers == ("2", "0")
    assert FOUND.ratios == (0.25, 0.5)


def test_records_are_the_rows_with_all_columns() -> None:
    assert [record["ratio"] for record in FOUND.records()] == [0.5, 0.25, 0.5]
    assert FOUND.records()[2] == {
        "layer": "0",
        "ratio": 0.5,
        "units": 0,
        "parameters": 0,
        "accuracy": None,
        "drop": None,
        "note": "the cut changes nothing",
    }


def test_it_survives_being_written_and_read(tmp_path) -> None:
    assert Sensitivity.from_json(json.loads(json.dumps(FOUND.to_json()))) == FOUND
    FOUND.write(tmp_path)
    assert Sensitivity.read(tmp_path) == FOUND
