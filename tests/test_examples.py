import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
import yaml
from torch import nn

from pipelines import METRICS, STEPS, Evaluator, Store
from pipelines.distillers import FEATURES
from pipelines.importances import IMPORTANCES
from pipelines.pruners import PRUNERS
from pipelines.quantizers import QUANTIZERS
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed
from pipelines.stages.technique import switched
from search.cli import app as cli
from search.config.sweep_config import load_config, parse_config
from spaces import Recipe

ROOT = Path(__file__).parents[1]
FILES = sorted(path for folder in ("configs", "docs") for path in (ROOT / folder).rglob("*.yaml"))
SWEEPS = [path for path in FILES if path.parent != ROOT / "docs/cluster"]  # those are Ray's and Kubernetes'
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
EXAMPLE = ROOT / "docs/examples/tumours.py"


def blocks(language: str) -> list[tuple[str, str]]:
    """The fenced blocks of a language in all pages, each with the page's name."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [(page.name, text) for page in PAGES for text in fence.findall(page.read_text(encoding="utf-8"))]


COMMANDS = sorted(
    {
        (page, line.removeprefix(".venv/bin/"))
        for page, text in blocks("sh")
        for line in text.replace("\\\n", " ").splitlines()
        if line.removeprefix(".venv/bin/").startswith("paredown ")
    }
)
SWEEP_BLOCKS = [(page, text) for page, text in blocks("yaml") if text.startswith("sweep:")]
RECIPE_BLOCKS = [(page, text) for page, text in blocks("yaml") if text.startswith("- ")]
SECTION_BLOCKS = [block for block in blocks("yaml") if block not in SWEEP_BLOCKS + RECIPE_BLOCKS]
OTHER_LINES = sorted(
    {(page, line.partition("#")[0].strip()) for page, text in blocks("sh") for line in text.splitlines()} - {*COMMANDS}
)


@pytest.fixture
def from_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_sweep_file_is_legal(path: Path) -> None:
    assert load_config(path).space.size() > 1


def test_no_sweep_file_is_overlooked() -> None:
    assert len(SWEEPS) >= 3
    assert {"digits.yaml", "digits-wide.yaml", "tumours.yaml"} <= {path.name for path in SWEEPS}


@pytest.mark.parametrize(("page", "text"), SWEEP_BLOCKS, ids=[page for page, _ in SWEEP_BLOCKS])
def test_every_sweep_in_a_page_is_legal(page: str, text: str) -> None:
    assert parse_config(yaml.safe_load(text)).space.size() > 1


@pytest.mark.parametrize(("page", "text"), SECTION_BLOCKS, ids=[page for page, _ in SECTION_BLOCKS])
def test_sections_of_a_sweep_in_a_page_are_legal(page: str, text: str) -> None:
    sections = yaml.safe_load(text)
    whole = yaml.safe_load((ROOT / "configs/digits.yaml").read_text(encoding="utf-8"))
    if "targets" in sections:
        del whole["target"]
    config = parse_config(whole | sections)
    assert {name: config.raw[name] for name in sections} == sections
    assert config.space.size() > 1


@pytest.mark.parametrize(("page", "text"), RECIPE_BLOCKS, ids=[page for page, _ in RECIPE_BLOCKS])
def test_every_recipe_in_a_page_is_legal(page: str, text: str) -> None:
    assert Recipe.from_list(yaml.safe_load(text), STEPS).steps


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line}" for page, line in COMMANDS])
def test_every_command_in_a_page_exists(page: str, line: str) -> None:
    _, name, *arguments = shlex.split(line, comments=True)
    group = typer.main.get_command(cli.app)
    assert name in group.commands
    command = group.commands[name]
    while hasattr(command, "commands"):  # a group of them
        name, *arguments = arguments
        assert name in command.commands
        command = command.commands[name]
    command.make_parser(command.context_class(command, info_name=name)).parse_args(arguments)


def test_pages_show_every_command() -> None:
    shown = {shlex.split(line, comments=True)[1] for _, line in COMMANDS}
    assert shown == set(typer.main.get_command(cli.app).commands)


def test_other_lines_in_pages_name_what_there_is() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for page, line in OTHER_LINES:
        match line.split():
            case ["make", target]:
                assert target in targets, page
            case ["python", script, *arguments]:
                source = (ROOT / script).read_text(encoding="utf-8")
                assert [a for a in arguments if a.startswith("--") and f'"{a}"' not in source] == [], page
            case words:
                assert words in ([], ["source", ".venv/bin/activate"]) or words[0] in ("paredown", "pip", "ray"), (
                    page,
                    line,
                )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for place in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, section = place.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), place
        if section:
            titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            assert section in anchors, place


def test_the_page_on_techniques_names_everything_registered() -> None:
    page = (ROOT / "docs/techniques.md").read_text(encoding="utf-8")
    names = [name for registry in (PRUNERS, IMPORTANCES, QUANTIZERS, FEATURES) for name in registry]
    names += [parameter.name for step in STEPS for parameter in step.parameters]
    missing = [name for name in names if f"`{name}`" not in page and f"`{name.rpartition('.')[2]}`" not in page]
    assert missing == []


def test_the_page_on_measuring_names_every_metric() -> None:
    page = (ROOT / "docs/measuring.md").read_text(encoding="utf-8")
    assert [name for name in METRICS if f"`{name}`" not in page] == []


def test_the_technique_of_ones_own_is_shown_as_it_is_and_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (ROOT / "docs/examples/weight_bf16.py").read_text(encoding="utf-8")
    assert source in (ROOT / "docs/techniques.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(source, names)
    scheme = names["WeightBf16"]()
    legal = switched("quantization.scheme", {**QUANTIZERS, scheme.name: scheme})[0].domain
    assert legal.problem(scheme.name) is None
    monkeypatch.setitem(QUANTIZERS, scheme.name, scheme)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 4)).eval()
    assert scheme.problem(model) is None
    inputs = torch.rand(5, 64)
    options = {"input_names": ["input"], "output_names": ["output"], "dynamo": False}
    torch.onnx.export(model, (inputs,), str(tmp_path / "whole.onnx"), **options)
    scheme.quantize(tmp_path / "whole.onnx", tmp_path / "half.onnx", None, {})
    outputs = OnnxRuntime().load(Artifact(tmp_path / "half.onnx", "onnx"), Target()).run(to_feed(inputs))
    assert np.allclose(outputs, model(inputs).detach().numpy(), atol=1e-2)
    assert 0.45 < (tmp_path / "half.onnx").stat().st_size / (tmp_path / "whole.onnx").stat().st_size < 0.6


def test_the_worked_example_is_short_and_the_page_shows_it_as_it_is() -> None:
    source = EXAMPLE.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 40
    assert source in (ROOT / "docs/tasks.md").read_text(encoding="utf-8")


def test_the_worked_example_runs(from_root: None, tmp_path: Path) -> None:
    tiny = [f"training.{name}_epochs=1" for name in ("teacher", "student", "finetune")]
    config = load_config(EXAMPLE.with_suffix(".yaml"), tiny)
    evaluate = Evaluator(
        use=config.task.use,
        args=config.task.args,
        training=config.training,
        targets=config.targets,
        seed=config.search.seed,
        store=Store(tmp_path),
        device="cpu",
    )
    distil, prune, quantize = (
        {"distil": {"depth": 1}},
        {"prune": {"ratio": 0.5}},
        {"quantize": {"scheme": "static-int8"}},
    )
    recipes = [[], [distil], [{"distil": {"depth": 2}}, prune], [prune, quantize]]
    outcomes = [evaluate(Recipe.from_list(recipe, STEPS)) for recipe in recipes]
    assert outcomes[0].measurement.metrics["size_ratio"] == 1
    assert all(outcome.measurement.metrics["size_ratio"] < 0.5 for outcome in outcomes[1:])
    assert all(outcome.measurement.metrics["accuracy"] > 0.5 for outcome in outcomes)
