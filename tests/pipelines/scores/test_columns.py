import torch

from pipelines.scores.columns import halves, label_rows, number_rows, predicted, probabilities
from pipelines.tasks.reading import IGNORED, Reading


def test_positions_without_a_label_are_left_out_and_the_others_know_their_example() -> None:
    outputs = torch.tensor([[[0.0, 9.0], [9.0, 0.0]], [[0.0, 9.0], [0.0, 9.0]]])  # (N, positions, classes)
    targets = torch.tensor([[1, IGNORED], [0, 1]])
    rows = predicted(outputs, targets, Reading(dim=-1), shift=False)
    assert rows.values.tolist() == [[1, 1], [0, 1], [1, 1]]
    assert rows.examples.tolist() == [0, 1, 1]


def test_a_token_is_predicted_one_earlier() -> None:
    outputs, tokens = 9.0 * torch.eye(3)[None, [1, 2, 0]], torch.tensor([[0, 1, 2]])
    assert predicted(outputs, tokens, Reading(dim=-1), shift=True).values.tolist() == [[1, 1], [2, 2]]


def test_probabilities_stand_behind_the_label() -> None:
    rows = probabilities(torch.zeros(1, 4), torch.tensor([3]), Reading(), shift=False)
    assert rows.values.tolist() == [[3, 0.25, 0.25, 0.25, 0.25]]


LABELS = Reading("labels")


def test_labels_and_what_was_predicted_of_them_are_the_halves() -> None:
    rows = label_rows(torch.tensor([[-2.0, 2.0]]), torch.tensor([[0, 1]]), LABELS, decide=True)
    assert [half.tolist() for half in halves(rows.values)] == [[[0, 1]], [[0, 1]]]
    ranked = label_rows(torch.tensor([[-2.0, 2.0]]), torch.tensor([[0, 1]]), LABELS, decide=False)
    assert halves(ranked.values)[1].min() == -2


def test_each_number_is_a_row() -> None:
    rows = number_rows(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.zeros(2, 2))
    assert rows.values.tolist() == [[0, 1], [0, 2], [0, 3], [0, 4]]
    assert rows.examples.tolist() == [0, 0, 1, 1]
