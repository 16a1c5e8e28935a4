import pytest


def test_the_libraries_are_those_of_the_stages_that_made_the_file(bundle) -> None:
    libraries = bundle().libraries
    assert list(libraries) == sorted(set(libraries))
    assert {"torch", "torch-pruning", "onnx"} <= set(libraries)


@pytest.mark.parametrize("current", [True, False], ids=["today's", "another version's"])
def test_a_file_is_current_if_the_same_code_would_make_it_again(bundle, current) -> None:
    assert bundle(current=current).is_current is current


def test_the_latest_measurement_is_that_of_after_the_search(bundle) -> None:
    made = bundle(remeasured=True)
    assert made.latest(made.trial).metrics["latency_ms"] == 2.5
    teacher = made.sweep.trials[0]
    assert made.latest(teacher) == teacher.measurement
    made = bundle()
    assert made.latest(made.trial).metrics["latency_ms"] == 2.0
