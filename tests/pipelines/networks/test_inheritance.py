import pytest
import torch
from torch import nn

from pipelines.networks.inheritance import inherit
from pipelines.tasks.digits import Digits


def encoder(depth: int, width: int = 4) -> nn.Module:
    """Words as in transformers: an embedding, a list of layers under a name, a head."""
    model = nn.Module()
    model.embedding = nn.Embedding(10, width)
    model.encoder = nn.Module()
    model.encoder.layer = nn.ModuleList(nn.TransformerEncoderLayer(width, 1, 8) for _ in range(depth))
    model.head = nn.Linear(width, 2)
    model.token = nn.Parameter(torch.randn(1, width))
    return model


def mlp(depth: int) -> nn.Sequential:
    hidden = [layer for _ in range(depth - 1) for layer in (nn.Linear(8, 8), nn.ReLU())]
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), *hidden, nn.Linear(8, 2))


@pytest.mark.parametrize(
    ("depth", "of", "taken"),
    [
        (6, 12, [0, 2, 4, 7, 9, 11]),
        (3, 12, [0, 6, 11]),
        (2, 12, [0, 11]),
        (1, 12, [0]),
        (4, 4, [0, 1, 2, 3]),
        (3, 2, [0, 0, 1]),
    ],
    ids=["half: DistilBERT's", "a quarter", "two", "one", "all", "more than there are"],
)
def test_layers_of_a_list_are_evenly_spaced(depth: int, of: int, taken: list[int]) -> None:
    student, teacher = encoder(depth), encoder(of)
    copied = inherit(student, teacher)
    assert copied.keys() == student.state_dict().keys()
    for index, other in enumerate(taken):
        name = f"encoder.layer.{index}.linear1.weight"
        assert copied[name] == f"encoder.layer.{other}.linear1.weight"
        assert torch.equal(student.get_parameter(name), teacher.get_parameter(copied[name]))
    assert torch.equal(student.token, teacher.token)
    assert torch.equal(student.head.weight, teacher.head.weight)


def test_in_a_sequential_layers_find_their_like_whatever_their_index() -> None:
    student, teacher = mlp(2), mlp(4)  # linear layers at 0, 2, 4 and at 0, 2, 4, 6, 8
    assert inherit(student, teacher) == {
        f"{to}.{kind}": f"{of}.{kind}" for to, of in ((0, 0), (2, 2), (4, 8)) for kind in ("weight", "bias")
    }


@pytest.mark.parametrize(
    ("depth", "blocks"),
    [(1, {"3": "3"}), (2, {"3": "3", "5": "7"}), (3, {"3": "3", "5": "6", "6": "7"})],
    ids=["one", "two", "three"],
)
def test_digits_students_begin_with_blocks_of_their_teacher(depth: int, blocks: dict[str, str]) -> None:
    digits = Digits()
    student, teacher = digits.student(depth), digits.teacher()
    copied = inherit(student, teacher)
    assert copied.keys() == student.state_dict().keys()
    children = {to.partition(".")[0]: of.partition(".")[0] for to, of in copied.items()}
    assert {to: of for to, of in children.items() if isinstance(student[int(to)], type(student[3]))} == blocks
    assert all(torch.equal(student.state_dict()[to], teacher.state_dict()[of]) for to, of in copied.items())


def test_buffers_are_copied_too() -> None:
    teacher = nn.Sequential(nn.BatchNorm2d(4))
    teacher.train()(torch.randn(8, 4, 2, 2))
    student = nn.Sequential(nn.BatchNorm2d(4))
    inherit(student, teacher)
    assert torch.equal(student[0].running_mean, teacher[0].running_mean)
    assert student[0].num_batches_tracked == 1


def test_a_layer_is_copied_whole_or_not_at_all() -> None:
    student, teacher = nn.Module(), nn.Module()
    student.head, teacher.head = nn.Linear(4, 2), nn.Linear(8, 2)  # the biases would fit
    before = student.head.bias.clone()
    assert inherit(student, teacher) == {}
    assert torch.equal(student.head.bias, before)


def test_of_a_narrower_student_nothing_fits() -> None:
    copied = inherit(Digits().student(2, width=0.5), Digits().teacher())
    assert copied == {}


def test_rows_of_equal_length_are_compared_one_by_one() -> None:
    def stages(*blocks: int) -> nn.Sequential:
        return nn.Sequential(*(nn.Sequential(*(nn.Linear(4, 4) for _ in range(count))) for count in blocks))

    copied = inherit(stages(1, 2), stages(2, 3))
    assert {to: of for to, of in copied.items() if to.endswith("weight")} == {
        "0.0.weight": "0.0.weight",
        "1.0.weight": "1.0.weight",
        "1.1.weight": "1.2.weight",
    }


def test_the_student_owns_what_it_got() -> None:
    student, teacher = mlp(2), mlp(2)
    inherit(student, teacher)
    with torch.no_grad():
        student[0].weight.zero_()
    assert teacher[0].weight.abs().sum() > 0
    assert all(parameter.requires_grad and parameter.grad_fn is None for parameter in student.parameters())
