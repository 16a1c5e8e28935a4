from docs.layers import PICTURE, layers, picture, purpose


def test_the_picture_shows_the_contracts_as_they_are() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(), "draw it again: python docs/layers.py"


def test_layers_come_topmost_first() -> None:
    found = layers("search")
    assert found[0] == ["cli"]
    assert found[-1] == ["errors", "templates"]
    assert ["analysis", "selection", "replay"] in found


def test_a_purpose_is_the_first_sentence_of_a_docstring() -> None:
    assert purpose("search", "errors") == "Failures of a command whose input was right"
