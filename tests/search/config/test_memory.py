import pytest

from search.config.memory import memory_words, parse_memory


@pytest.mark.parametrize(
    ("given", "size"), [("8GB", 8 * 10**9), ("1.5 gib", 1.5 * 2**30), ("500mb", 5 * 10**8), (".1TB", 10**11)]
)
def test_amounts_of_memory_are_read(given: str, size: float) -> None:
    assert parse_memory(given) == size


@pytest.mark.parametrize("given", [8, True, "8", "8 gigs", "-1GB", "10MB", "100TB", "", "GB"])
def test_what_is_none_is_refused_with_what_is_legal(given) -> None:
    with pytest.raises(ValueError, match="is not an amount of memory; legal: a number and a unit, such as 500MB"):
        parse_memory(given)


def test_amounts_are_told_in_short() -> None:
    assert (memory_words(8 * 10**9), memory_words(5.25e8), memory_words(1.5 * 2**30)) == ("8 GB", "525 MB", "1.61 GB")
