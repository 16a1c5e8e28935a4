import json

from search.cli.output import err, out, print_json


def test_data_and_remarks_go_different_ways(capsys) -> None:
    out().print("data")
    err().print("remark")
    found = capsys.readouterr()
    assert (found.out, found.err) == ("data\n", "remark\n")


def test_words_between_colons_are_no_pictures(capsys) -> None:
    out().print("other than n:m: a colon before and after a letter is no picture")
    assert capsys.readouterr().out == "other than n:m: a colon before and after a letter is no picture\n"


def test_what_no_terminal_shows_is_140_columns_wide(capsys) -> None:
    out().print("x" * 139 + " y")
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == ["x" * 139, "y"]


def test_json_is_one_document_that_any_terminal_can_print(capsys) -> None:
    print_json({"label": "d2·ch0.5", "front": []})
    text = capsys.readouterr().out
    assert json.loads(text) == {"label": "d2·ch0.5", "front": []}
    assert text.isascii()
