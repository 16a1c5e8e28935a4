import pytest

from pipelines.bench.answer import Failure, from_line, to_line
from pipelines.measurement import Measurement


@pytest.mark.parametrize(
    "answer",
    [
        Measurement({"latency_ms": 0.1}, {"latency_ms": (0.05, 0.2)}, {"latency.load": "none\nat all"}),
        Failure("the file\nis broken"),
    ],
    ids=["measurement", "failure"],
)
def test_an_answer_travels_as_one_line(answer: Measurement | Failure) -> None:
    assert "\n" not in to_line(answer)
    assert from_line(to_line(answer)) == answer


def test_what_is_no_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        from_line("Segmentation fault")
