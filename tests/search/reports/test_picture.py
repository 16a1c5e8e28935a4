import pytest
from matplotlib.figure import Figure

from search.reports.picture import save
from spaces import InputError


@pytest.mark.parametrize(("name", "head"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")])
def test_the_ending_gives_the_format_and_an_own_picture_is_replaced(tmp_path, name, head) -> None:
    for _ in range(2):
        save(Figure(figsize=(1, 1)), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(head)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a", "a.xyz"])
def test_an_ending_that_is_no_format_is_told_before_anything_is_written(tmp_path, name) -> None:
    with pytest.raises(ValueError, match=r"no ending|no format"):
        save(Figure(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_of_another_stays(tmp_path) -> None:
    (tmp_path / "a.png").write_bytes(b"mine")
    with pytest.raises(InputError, match="is not of Paredown's making"):
        save(Figure(figsize=(1, 1)), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"mine"
