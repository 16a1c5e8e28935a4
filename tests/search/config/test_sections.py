import pytest
from pydantic import ValidationError

from pipelines import Target
from search.config.sections import TargetSection


@pytest.mark.parametrize(
    ("given", "where", "message"),
    [
        ({"batch": "8"}, "batch", "not a whole number; legal: a whole number >= 1 and <= 65536"),
        ({"threads": 0}, "threads", "0 is out of range; legal: a whole number >= 1"),
        ({"device": "tpu"}, "device", "legal: cpu"),
        ({"resource": "GPU"}, "resource", "'GPU' is not the name of a resource of your own, such as edge"),
        ({"resource": "an-edge"}, "resource", "'an-edge' is not the name of a resource of your own, such as edge"),
    ],
    ids=["text", "no threads", "unknown device", "Ray's own resource", "no resource's name"],
)
def test_an_illegal_target_is_refused_by_name(given: dict, where: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TargetSection(**given)
    (error,) = caught.value.errors()
    assert error["loc"] == (where,)
    assert message in error["msg"]


def test_it_gives_the_target_that_it_describes() -> None:
    section = TargetSection(runtime="openvino", batch=8, threads=2)
    assert section.value() == Target("openvino", "cpu", 8, 2)
    assert TargetSection().value() == Target()
    assert TargetSection(resource="edge").value() == Target(resource="edge")
