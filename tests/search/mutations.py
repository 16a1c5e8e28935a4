"""Input as people get it wrong: sweep files, recipes, overrides and options, each mutated from one that is right."""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import yaml

from pipelines import STEPS
from spaces import Interval, Options

OTHER = int(os.environ.get("FUZZ_SEED", "0")) * 1_000_000
"""Added to every seed: other inputs, for who has the time."""

Place = tuple[Any, Any]
"""A mapping or a list, and a key or an index of it."""

EXTREME = [
    0, -1, 1, 2, 0.5, 1e-9, 1e9, 1e23, 1e308, -1e308, 2**31, 2**32, 2**63 - 1, 2**63, 10**30, float("inf"),
    float("-inf"), float("nan"),
]  # fmt: skip
ODD = [
    None, True, False, "", " ", "none", "null", "all", "é😀", "a\0b", "\x1b[31m", "x" * 5000, "\u2028", "[/bold]",
    "a b", "../x", "/", "1e-3", "010", "1:30", "no", "2024-05-01", [], {}, [[]], [None], {"low": 1}, {1: 2},
]  # fmt: skip
RANGES = [
    {"low": 3, "high": 1, "step": 1},
    {"low": 0, "high": 1, "step": 1e-9},
    {"low": 0.25, "high": 0.75, "step": 0.25},
    {"low": 1, "high": 2, "step": 1},
    {"low": 0, "high": 10**400, "step": 1},
    {"low": "a", "high": None, "step": 0},
]
RAW = [
    "[" * 3000, "{a: " * 200, "*x", "&x [*x]", "!!set {1}", "!!python/name:os.system", "\t", "- -", '"\\ud800"', "%",
    "'", "? ", "9" * 5000, "<<: {a: 1}", "{<<: 3}", "1e400", "0x", "!!int x",
]  # fmt: skip
"""Text that stands where a value should."""

OPTION = [
    "", " ", "0", "-1", "1", "2", "3", "1e9", "inf", "-inf", "nan", "1_0", "9" * 30, "9" * 5000, "0x10", "none",
    "é😀", "x" * 3000, "a\nb", ".", "/", "/nowhere/x", "../x", "small", "smal", "small@openvino", "small@", "@",
    "accuracy>=0.5", "accuracy>=95", "accuracy>=1e999", "accuracy>=nan", "acuracy>=0.5", "accuracy=2,latency_ms=1",
    "accuracy=-1", "accuracy=inf", "size_mb", "channel", "l2", "0.5,0.25", "0.5,0.5", "1.5", "[red]", "s3://",
    "file://", "memory://x", "a://b", "name@alias", "127.0.0.1", "256.0.0.1", "x.svg", "x.xyz",
]  # fmt: skip
"""What may be given to any option."""

RIGHT = {
    "--batch": ["4"], "--csv": ["t.csv", "/dev/null"], "--device": ["cpu", "cuda"], "--export": ["out", "out/deep"],
    "--host": ["127.0.0.1", "0.0.0.0"], "--importance": ["l2", "random"], "--limit-gb": ["1", "0.001"],
    "--maximize": ["accuracy"], "--method": ["channel", "unstructured"], "--minimize": ["size_mb", "latency_ms"],
    "--plot": ["p.svg", "p.png"], "--port": ["5001", "80"], "--ratios": ["0.25,0.5"], "--register": ["name@alias"],
    "--runtime": ["onnxruntime", "openvino", "torch"], "--seeds": ["1", "3"], "--slots": ["1", "64"],
    "--student": ["1", "none"], "--target": ["onnxruntime"], "--threads": ["1", "2"], "--trials": ["0", "1", "all"],
    "--url": ["memory://x", "file:///tmp/x"], "--weights": ["accuracy=2,latency_ms=1"],
    "--where": ["accuracy>=0.5", "size_mb<1", "latency_ms<=0"],
}  # fmt: skip
"""What is right for the option of that name, at least in some sweep."""


def places(data: Any) -> Iterator[Place]:
    """Every place of `data` that has a value."""
    keys = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    for key in keys:
        yield data, key
        yield from places(data[key])


def legal(rng: random.Random, name: str) -> Any:
    """A legal value of the parameter called `name`, its range's ends among them; None if there is no such parameter."""
    parameter = next((each for step in STEPS for each in step.parameters if each.name == name), None)
    if parameter is None:
        return None
    domain = parameter.domain
    if isinstance(domain, Options):
        return rng.choice(domain.values)
    assert isinstance(domain, Interval)
    low, high = domain.low, domain.high
    return rng.choice([low, high, int((low + high) / 2) if domain.integer else (low + high) / 2])


def slip(rng: random.Random, word: str) -> str:
    """`word` with one letter off."""
    at = rng.randrange(len(word) or 1)
    return rng.choice([word[:at] + word[at + 1 :], word[:at] + "q" + word[at:], word.upper(), word + " "])


def drop(rng: random.Random, place: Place) -> None:
    """Leave a value out."""
    del place[0][place[1]]


def rename(rng: random.Random, place: Place) -> None:
    """Misspell a key, or a word in a list."""
    where, key = place
    if isinstance(where, dict):
        where[slip(rng, str(key))] = where.pop(key)
    else:
        where[key] = slip(rng, str(where[key]))


def misspell(rng: random.Random, place: Place) -> None:
    """Misspell a value."""
    place[0][place[1]] = slip(rng, str(place[0][place[1]]))


def swap(rng: random.Random, place: Place) -> None:
    """Give a value of another type."""
    place[0][place[1]] = copy.deepcopy(rng.choice(ODD))


def stretch(rng: random.Random, place: Place) -> None:
    """Give a number that is extreme."""
    place[0][place[1]] = rng.choice(EXTREME)


def nest(rng: random.Random, place: Place) -> None:
    """Put a value into lists or mappings."""
    where, key = place
    for _ in range(rng.choice([1, 2, 40, 60])):
        where[key] = rng.choice([[where[key]], {"a": where[key]}])


def repeat(rng: random.Random, place: Place) -> None:
    """Give a value many times."""
    place[0][place[1]] = [copy.deepcopy(place[0][place[1]])] * rng.choice([2, 30, 2000])


def reverse(rng: random.Random, place: Place) -> None:
    """Give a range, with ends and steps of all kinds."""
    place[0][place[1]] = copy.deepcopy(rng.choice(RANGES))


def crowd(rng: random.Random, place: Place) -> None:
    """Add thousands of unknown keys."""
    if isinstance(place[0], dict):
        place[0].update({f"k{index}": index for index in range(3000)})


CHANGES: Sequence[Callable[[random.Random, Place], None]] = (
    drop, rename, misspell, swap, stretch, nest, repeat, reverse, crowd,
)  # fmt: skip
MILD = (drop, stretch, swap)


def choose(rng: random.Random, data: dict[str, Any]) -> None:
    """Give a parameter of the space another legal value, or several: most of such files are valid."""
    for _ in range(rng.randrange(1, 4)):
        parameter = rng.choice([each for step in STEPS for each in step.parameters])
        values = [legal(rng, parameter.name) for _ in range(rng.randrange(1, 3))]
        distinct = [value for index, value in enumerate(values) if value not in values[:index]]
        section = data["space"].setdefault(parameter.group, {})
        section[parameter.key] = distinct[0] if len(distinct) == 1 else distinct


def mutated(rng: random.Random, base: Any) -> str:
    """The text of a file that was made from `base`."""
    data = copy.deepcopy(base)
    if isinstance(data, dict) and rng.random() < 0.5:
        choose(rng, data)
        changes: Sequence[Callable[[random.Random, Place], None]] = [rng.choice(MILD)] if rng.random() < 0.3 else []
    else:
        changes = rng.choices(CHANGES, k=rng.randrange(1, 3))
    for change in changes:
        if found := list(places(data)):
            change(rng, rng.choice(found))
    if rng.random() < 0.1 and (found := list(places(data))):
        where, key = rng.choice(found)
        other, index = rng.choice(found)
        where[key] = other[index]  # which is written as an alias, perhaps of what it lies in
    text = yaml.dump(data, sort_keys=False, allow_unicode=True, width=10**6, Dumper=yaml.SafeDumper)
    return garbled(rng, text) if rng.random() < 0.2 else text


def garbled(rng: random.Random, text: str) -> str:
    """`text` with a line cut, repeated, indented or with something else in place of its value."""
    lines = text.splitlines()
    at = rng.randrange(len(lines))
    line = lines[at]
    key = line.partition(":")[0]
    lines[at] = rng.choice(
        [line[: len(line) // 2], f"{line}\n{line}", f" {line}", f"\t{line}", f"{key}: {rng.choice(RAW)}"]
    )
    return "\n".join(lines) + "\n"


def option(rng: random.Random, name: str, base: dict[str, Any]) -> str:
    """What is given to the option called `name` of a command: right, nearly right, or anything."""
    if name == "-o":
        return override(rng, base)
    right = rng.choice(RIGHT[name])
    return rng.choice([right, right, slip(rng, right), f"{right},{right}", rng.choice(OPTION), rng.choice(OPTION)])


def disorder(rng: random.Random, arguments: list[str]) -> list[str]:
    """`arguments` as people get them wrong as a whole: one missing, one twice, in another order, or one too many."""
    found, at = list(arguments), rng.randrange(len(arguments) or 1)
    return rng.choice(
        [
            found[:at] + found[at + 1 :],
            found[:at] + found[at : at + 1] * 2 + found[at + 1 :],
            rng.sample(found, len(found)),
            [*found, rng.choice(["--no-such", "--", "-", "-x", "--json=1", "-o", "--help=no", *OPTION])],
        ]
    )


def override(rng: random.Random, base: dict[str, Any]) -> str:
    """What is given to ``-o``."""
    sections = [f"{section}.{key}" for section, content in base.items() if isinstance(content, dict) for key in content]
    names = [each.name for step in STEPS for each in step.parameters]
    key = rng.choice([*sections, *(f"space.{name}" for name in names), *base])
    key = rng.choice([key, key, key, slip(rng, key), f"{key}.x", f".{key}", f"{key}.", "", ".".join("a" * 3000)])
    value = rng.choice([*EXTREME, *ODD, *RANGES, legal(rng, key.removeprefix("space."))])
    written = yaml.dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
    return rng.choice([f"{key}={written}", f"{key}={written}", f"{key}={rng.choice(RAW)}", f"{key}=", key])
