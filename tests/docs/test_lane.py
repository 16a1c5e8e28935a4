from docs.lane import PICTURE, picture


def test_the_picture_is_what_the_script_draws() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(), "draw it again: python docs/lane.py"
