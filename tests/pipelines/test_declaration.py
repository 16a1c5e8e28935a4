import pytest

from pipelines.declaration import Declaration, always, never


def test_a_misspelt_declaration_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'improve'"):
        Declaration(improve=("size_mb",))  # type: ignore[call-arg]


def test_nothing_is_known_of_a_structure_unless_it_is_declared() -> None:
    assert not Declaration().knows_structure({})
    assert (always({"ratio": 0.5}), never({"ratio": 0.5})) == (True, False)
