import re
import shlex
from pathlib import Path

import pytest
import yaml

from pipelines import STEPS, Evaluator
from search.config import load_config, parse_config
from spaces import Recipe

ROOT = Path(__file__).parents[1]
SWEEPS = sorted(path for folder in ("configs", "docs") for path in (ROOT / folder).rglob("*.yaml"))
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


@pytest.fixture
def from_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_sweep_file_is_legal(path: Path) -> None:
    assert load_config(path).space.size() > 1


def test_no_sweep_file_is_overlooked() -> None:
    assert len(SWEEPS) >= 2
    assert {"digits.yaml", "tumours.yaml"} <= {path.name for path in SWEEPS}


@pytest.mark.parametrize(("page", "text"), SWEEP_BLOCKS, ids=[page for page, _ in SWEEP_BLOCKS])
def test_every_sweep_in_a_page_is_legal(page: str, text: str) -> None:
    assert parse_config(yaml.safe_load(text)).space.size() > 1


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line}" for page, line in COMMANDS])
def test_every_command_in_a_page_exists(page: str, line: str) -> None:
    cli = pytest.importorskip("search.cli")
    typer = pytest.importorskip("typer")
    _, name, *arguments = shlex.split(line, comments=True)
    group = typer.main.get_command(cli.app)
    assert name in group.commands
    command = group.commands[name]
    command.make_parser(command.context_class(command, info_name=name)).parse_args(arguments)


def test_pages_show_the_main_commands() -> None:
    shown = {shlex.split(line)[1] for _, line in COMMANDS}
    assert {"run", "status", "front", "pick", "ui", "trial"} <= shown


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
        target=config.target,
        seed=config.search.seed,
        store=tmp_path,
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
