import numpy as np
import pytest

from pipelines.tasks.reading import IGNORED
from pipelines.tasks.word_labels import word_labels_of


@pytest.mark.parametrize(
    ("sentences", "labels", "names"),
    [
        (["an apple falls", "apples"], ["O FRUIT O", "FRUIT"], ("FRUIT", "O")),
        ([["an", "apple"], np.array(["apples"])], [["2", "10"], np.array([2])], ("2", "10")),
    ],
    ids=["texts", "lists"],
)
def test_words_and_labels_are_texts_or_lists(sentences: list, labels: list, names: tuple[str, ...]) -> None:
    found = word_labels_of(sentences, labels)
    assert found.names == names
    assert found.words[0][:2] == ("an", "apple")
    assert [len(row) for row in found.labels] == [len(row) for row in found.words]


def test_the_first_token_of_a_word_has_its_label() -> None:
    found = word_labels_of(["an apple", "pears"], ["O FRUIT", "FRUIT"])
    targets = found.targets([[None, 0, 1, 1, None], [None, 0, 0, None, None]])
    assert targets.tolist() == [[IGNORED, 1, 0, IGNORED, IGNORED], [IGNORED, 0, IGNORED, IGNORED, IGNORED]]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["O O", "O"], "row 2 has 2 words and 1 label; each word needs a label"),
        (["O O", "O O"], "the words have a single label, O: there is nothing to learn"),
    ],
    ids=["count", "single"],
)
def test_labels_that_do_not_fit_are_told(labels: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        word_labels_of(["an apple", "two pears"], labels)
