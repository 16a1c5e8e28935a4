import math

import pytest
import yaml

from search.config.yaml_file import DEEPEST, LARGEST_FILE, MOST_VALUES, parse_yaml, read_yaml, reason, write_yaml
from spaces import InputError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{this}: &{this} [{', '.join([f'*{before}'] * 9)}]\n" for before, this in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine to the power of nine values in half a kilobyte."""


def mistake(text: str) -> str:
    with pytest.raises(yaml.YAMLError) as told:
        parse_yaml(text)
    return reason(told.value)


@pytest.mark.parametrize(
    ("text", "where"),
    [("a: [1\nb: 2\n", ":2:2"), ("a: {b: 1", ":1:9"), ("? [a]\n: 1\n", ":1:3"), ("a: \tb: c", ""), ("\x00", "")],
)
def test_what_is_not_yaml_is_told_with_its_place(write_yaml, text, where) -> None:
    path = write_yaml(text)
    with pytest.raises(InputError) as error:
        read_yaml(path)
    (problem,) = error.value.problems
    assert problem.where.startswith(f"{path}{where}")
    assert problem.message.startswith("not YAML: ")


def test_what_is_yaml_is_read(write_yaml) -> None:
    assert read_yaml(write_yaml("\ufeffa: [1, 2]\n")) == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-1.5E+2", -150.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-.inf", -math.inf),
        ("TRUE", True),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2:4", "2:4"),
        ("1_000", "1_000"),
        ("2024-05-01", "2024-05-01"),
        ("'1e-3'", "1e-3"),
        ("!!str 010", "010"),
        ("!!int 010", 10),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_values_are_read_as_yaml_1_2_defines_them(text: str, value: object) -> None:
    found = parse_yaml(text)
    assert (found, type(found)) == (value, type(value))


def test_a_number_that_is_none_is_one_of_floating_point() -> None:
    assert math.isnan(parse_yaml(".nan"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("!!int many", "'many' is not written as !!int"),
        ("!!bool [1]", "a list or a mapping cannot be !!bool"),
        ("!!set {1, 2}", "the tag '!!set' is not known; legal: text, numbers, true, false, null, lists and mappings"),
        ("!!python/object/apply:os.getcwd []", "the tag '!!python/object/apply:os.getcwd' is not known; legal: "),
        ("!mine x", "the tag '!mine' is not known"),
        ("{true: 1}", "the key true is not text; write it in quotes"),
        ("{? [a]: 1}", "the key ['a'] is not text; write it in quotes"),
        ("{a: 1, a: 2}", "'a' is given twice"),
        ("a: 1\n---\na: 2", "expected a single document in the stream, but found another document"),
        ("{1: a, '1': b}", "'1' is given twice"),
        ("{1: a, 0x1: b}", "1 is given twice"),
        ("9" * 20, f"'{'9' * 20}' is too large for a whole number of 64 bits; in quotes it is text"),
        ("9" * 5000, "is too large for a whole number of 64 bits"),
        ('"\\ud800"', "the character '\\ud800' cannot be part of a text"),
        ('"a\\0b"', "the character '\\x00' cannot be part of a text"),
        ("\x07", "unacceptable character #x0007: special characters are not allowed"),
        ("[" * 3000 + "]" * 3000, f"more than {DEEPEST} lists and mappings lie in each other here"),
        ("&a [*a]", "*a stands for what it is part of"),
        (BOMB, f"more than {MOST_VALUES:,} values up to here, aliases written out"),
    ],
    ids=[
        "no number", "no scalar", "set", "object", "own tag", "truth as key", "list as key", "key twice",
        "two documents", "key as number and text", "key as two numbers", "huge", "without end", "surrogate", "null",
        "bell", "deep", "endless alias", "alias bomb",
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(text: str, told: str) -> None:
    assert told in mistake(text)


def test_too_many_values_are_refused() -> None:
    assert mistake(f"[{'x,' * MOST_VALUES}]") == f"more than {MOST_VALUES:,} values up to here"


def test_a_file_that_nobody_has_written_is_not_read_to_its_end(tmp_path) -> None:
    path = tmp_path / "model.yaml"
    path.write_bytes(b"\xff" * (LARGEST_FILE + 1))
    with pytest.raises(InputError) as error:
        read_yaml(path)
    assert error.value.problems[0].message == "is larger than 500,000 bytes: not a file that a person has written"


def test_an_alias_is_a_copy() -> None:
    found = parse_yaml("{a: &x {b: [1]}, c: *x, d: {<<: *x, e: 2}}")
    found["a"]["b"].append(2)
    assert found == {"a": {"b": [1, 2]}, "c": {"b": [1]}, "d": {"b": [1], "e": 2}}


@pytest.mark.parametrize(
    "value",
    [
        "1e-3", "no", "010", "1:30", "2024-01-01", ".inf", "~", "", "0o17", "1_000", "=", "<<", "é😀", "a\nb", "\x85",
        "\u2028", 1.5, 1e-7, 1e22, -3, 2**62, True, None, math.inf, [], {}, {1: "x"}, {"1": "x"},
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_written_is_read_again_here_and_by_readers_of_yaml_1_1(value: object) -> None:
    shared = {"k": value, "again": [value]}
    text = write_yaml(shared)
    assert parse_yaml(text) == shared
    assert yaml.safe_load(text) == shared
