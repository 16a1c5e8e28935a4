"""The model card of an export: what is known of the file, for people."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines import METRICS, RUNTIMES, format_of
from pipelines.extra import distribution
from pipelines.meters import Score
from pipelines.runtimes import bare
from pipelines.tasks.files import READER, task_files
from search.reports.table import number
from search.shipping.export_bundle import ExportBundle, Shipped
from search.study.trial import NOTHING
from spaces import counted

UNKNOWN = (
    "Paredown knows nothing of intended users, of groups and circumstances between which results may differ, of how "
    "the data was collected, and of ethical considerations: whoever ships this file adds them."
)


TRUST = (
    "Loading such a file runs code of PyTorch on what it holds: load it only from whom you would run a program of, and "
    "compare its hash first, as `{script}` does."
)


def model_card(bundle: ExportBundle, recipe: str, hashes: Mapping[str, str]) -> str:
    """The card as Markdown.

    Headings: M. Mitchell, S. Wu, A. Zaldivar, P. Barnes, L. Vasserman, B. Hutchinson, E. Spitzer, I. D. Raji and
    T. Gebru, "Model Cards for Model Reporting", 2019. What is not known is not there, and the card says so.

    Args:
        bundle: What is shipped.
        recipe: The recipe as YAML.
        hashes: The SHA-256 of each file that ships, by name.
    """
    sections = {
        "Model details": _details(bundle, recipe, hashes),
        "Intended use": _use(bundle),
        "Metrics": _metrics(bundle),
        "Evaluation data": _evaluation(bundle),
        "Training data": _training(bundle),
        "Quantitative analyses": _figures(bundle),
        "Caveats and recommendations": _caveats(bundle),
    }
    text = "".join(f"\n## {title}\n\n{body}\n" for title, body in sections.items())
    return f"# {bundle.config.sweep}: {bundle.trial.label}\n{text}"


def _details(bundle: ExportBundle, recipe: str, hashes: Mapping[str, str]) -> str:
    config, trial = bundle.config, bundle.trial
    about = {
        each.file.name: f"{format_of(each.target.runtime).title}, {each.file.stat().st_size:,} bytes"
        for each in bundle.shipped.values()
    }
    files = " and ".join(f"`{name}` ({words})" for name, words in about.items())
    sums = [f"SHA-256{f' of `{name}`' if len(hashes) > 1 else ''}: `{found}`" for name, found in hashes.items()]
    listed = "\n\n".join(sums)
    return f"""\
{files} {"is" if len(about) == 1 else "are"} trial {trial.number} of the Paredown sweep `{config.sweep}`.
It was chosen as {bundle.choice.reason}.

{listed}

How it was made, from the teacher of the task `{config.task.use}`, with seed {config.search.seed}:

```yaml
{recipe.rstrip()}
```

To make it again, where the task can be imported, and print where it is: `paredown trial sweep.yaml recipe.yaml`.
`manifest.json` has everything on this page, and the versions of the libraries, for programs."""


def _use(bundle: ExportBundle) -> str:
    return "\n\n".join([*(_use_on(bundle, name, each) for name, each in bundle.shipped.items()), UNKNOWN])


def _use_on(bundle: ExportBundle, name: str, shipped: Shipped) -> str:
    target, runtime = shipped.target, RUNTIMES[shipped.target.runtime]
    needs = [*map(distribution, runtime.packages), "numpy"]
    trust = f"\n{TRUST.format(script=shipped.script)}" if runtime.needs_torch else ""
    gpu = " and an NVIDIA GPU" if target.on_gpu else ""
    what = f"For {name}: inference in {target}, with `{shipped.file.name}`" if name else f"Inference in {target}"
    return f"""\
{what}: that is what it was chosen for. Other batch sizes run too.
To run it: {_command(bundle, shipped.script)}, which needs {" and ".join(needs)} only{gpu}.{trust}"""


def _command(bundle: ExportBundle, script: str) -> str:
    if READER in task_files(bundle.evaluator.task):
        return f"`python {script} INPUT`, with a text or a file; `{READER}` reads it and says what it needs besides"
    return f"`python {script}`"


def _metrics(bundle: ExportBundle) -> str:
    found = bundle.latest(bundle.trial).metrics
    names = dict.fromkeys(bare(name) for name in found if bare(name) in METRICS)
    lines = [f"- `{name}`: {METRICS[name].help}" for name in names]
    if bundle.config.targets.named:
        lines += ["", "`NAME@TARGET` is the number on that target, and `NAME` the worst of those on all."]
    return "\n".join(lines)


def _evaluation(bundle: ExportBundle) -> str:
    found = bundle.held_out
    opened = datetime.fromtimestamp(found.opened, UTC).strftime("%Y-%m-%d")
    return f"""\
The task's validation split, by which the search chose, and its test split, which the search never saw; it was opened
for this file on {opened}. The file was reloaded for both.

| split | accuracy | 95 % interval | examples |
|---|---|---|---|
| validation | {_score(found.validation)} |
| test | {_score(found.test)} |"""


def _score(score: Score) -> str:
    interval = f"{number(score.interval[0])} to {number(score.interval[1])}" if score.interval else "not known"
    return f"{number(score.accuracy)} | {interval} | {score.examples}"


def _training(bundle: ExportBundle) -> str:
    task = type(bundle.evaluator.task)
    said = (inspect.getdoc(task) or "").split("\n\n")[0].replace("\n", " ")
    about = f", which says of itself: “{said}”" if said else "."
    settings = ", ".join(_named(bundle.config.training.model_dump()))
    return f"The train split of the task `{bundle.config.task.use}`{about}\n\nTraining: {settings}."


def _named(settings: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """What is set, each with the path of its key; what is left to its default by None is left out."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _named(value, f"{within}{key}.")
        elif value is not None:
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            yield f"{within}{key} {f'{value:g}' if is_number else str(value).lower()}"


def _figures(bundle: ExportBundle) -> str:
    latest = bundle.latest(bundle.trial)
    baseline = bundle.sweep.state.baseline
    base = bundle.latest(baseline) if baseline else NOTHING
    lines = [
        "On the validation split and for the target above; what has no interval is exact or its interval not known.",
        "",
        "| metric | this file | 95 % interval | uncompressed teacher | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for name, value in latest.metrics.items():
        own, theirs = (
            f"{number(ends[name][0])} to {number(ends[name][1])}" if name in ends else ""
            for ends in (latest.intervals, base.intervals)
        )
        lines.append(f"| {name} | {number(value)} | {own} | {number(base.metrics.get(name))} | {theirs} |")
    if bundle.post_hoc.remeasured(bundle.trial.number):
        lines += ["", "These were measured again after the search, side by side with the rest of the front."]
    notes = [f"- {name}: {words}" for name, words in latest.notes.items()]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def _caveats(bundle: ExportBundle) -> str:
    state, number_ = bundle.sweep.state, bundle.trial.number
    chance = bundle.post_hoc.p_front[number_]
    caveats = [
        "The search chose by the validation split, so that the accuracy there is rather too good; the test split's is "
        "the one to expect on data like it.",
        "Latencies are of the machine and the versions named here; ratios to the teacher carry over better than times.",
        f"It is one of {counted(len(state.front.members), 'configuration')} on the front of {state.complete} that were "
        f"measured; given how sure the numbers are, it is on the front with a probability of {chance:.2f}.",
        "One training with one seed: `paredown confirm` shows what other seeds give.",
    ]
    if len(opened := sorted(bundle.post_hoc.held_out.keys() | {number_})) > 1:
        listed = ", ".join(map(str, opened))
        caveats.append(f"The test split was opened for several trials ({listed}): a choice by it makes it too good.")
    if not bundle.is_current:
        caveats.append(
            "It was made with another version of Paredown, of its libraries or of the task than those that wrote this "
            "page, so that making it again with these may give another file."
        )
    return "\n".join(f"- {caveat}" for caveat in caveats)
