import pytest
import torch

from pipelines.tasks.declared import declared_problems, free_axes, reading_of, score_names
from pipelines.tasks.reading import Reading


class Plain:
    def example_input(self):
        return {"ids": torch.zeros(1, 4), "kind": torch.zeros(1)}


def declaring(**values: object) -> Plain:
    return type("Declaring", (Plain,), values)()


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"loss": "mes"}, "loss: 'mes' is not known (did you mean 'mse'?); legal: cross-entropy, next-token, "),
        (
            {"class_dim": 0},
            "class_dim is 0; it is the number of the outputs' dimension",
        ),
        ({"ignore_index": "void"}, "ignore_index is 'void'; it is the label that does not count, such as 255"),
        ({"outputs": 3}, "outputs is 3, not a list of names"),
        ({"scores": [1]}, "scores is [1], not a list of names"),
        ({"dynamic_axes": {"ids": 1}}, 'dynamic_axes is {"ids": 1}; write {1: "length"}, or the same for each input'),
        ({"dynamic_axes": {"idz": {1: "length"}}}, "dynamic_axes: 'idz' is not known"),
    ],
    ids=["loss", "class_dim", "ignore_index", "outputs", "scores", "axes", "name of an input"],
)
def test_what_is_wrong_is_told(values: dict[str, object], problem: str) -> None:
    (found,) = declared_problems(declaring(**values))
    assert found.replace("'ids'", '"ids"').startswith(problem)


def test_nothing_need_be_declared() -> None:
    assert declared_problems(Plain()) == []
    assert score_names(Plain()) == ()
    assert reading_of(Plain()) == Reading()


@pytest.mark.parametrize(
    ("values", "reading"),
    [
        ({"loss": "mse"}, Reading("numbers", 1)),
        ({"loss": "cross-entropy", "class_dim": -1}, Reading("classes", -1)),
        ({"ignore_index": 255}, Reading("classes", 1, 255)),
        ({"loss": lambda self, x, y: x, "score": lambda self, x, y: x}, Reading("classes", None)),
    ],
    ids=["numbers", "classes last", "ignored", "unknown"],
)
def test_outputs_are_read_as_the_loss_says(values: dict[str, object], reading: Reading) -> None:
    assert reading_of(declaring(**values)) == reading


def test_a_free_dimension_is_that_of_all_inputs_that_have_so_many() -> None:
    assert free_axes(declaring(dynamic_axes={1: "length"})) == {"ids": {1: "length"}, "kind": {}}
    assert free_axes(declaring(dynamic_axes={"ids": {1: "length"}})) == {"ids": {1: "length"}}
