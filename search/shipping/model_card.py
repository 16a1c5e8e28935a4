"""The model card of an export: what is known of the file, for people."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines import METRICS, RUNTIMES, format_of
from pipelines.meters import Score
from pipelines.tasks.files import READER, task_files
from search.reports.table import number
from search.shipping.export_bundle import ExportBundle
from search.study.trial import NOTHING

UNKNOWN = (
    "Paredown knows nothing of intended users, of groups and circumstances between which results may differ, of how "
    "the data was collected, and of ethical considerations: whoever ships this file adds them."
)


def model_card(bundle: ExportBundle, recipe: str, sha256: str) -> str:
    """The card as Markdown.

    Headings: M. Mitchell, S. Wu, A. Zaldivar, P. Barnes, L. Vasserman, B. Hutchinson, E. Spitzer, I. D. Raji and
    T. Gebru, "Model Cards for Model Reporting", 2019. What is not known is not there, and the card says so.

    Args:
        bundle: What is shipped.
        recipe: The recipe as YAML.
        sha256: Of the file.
    """
    sections = {
        "Model details": _details(bundle, recipe, sha256),
        "Intended use": _use(bundle),
        "Metrics": _metrics(bundle),
        "Evaluation data": _evaluation(bundle),
        "Training data": _training(bundle),
        "Quantitative analyses": _figures(bundle),
        "Caveats and recommendations": _caveats(bundle),
    }
    text = "".join(f"\n## {title}\n\n{body}\n" for title, body in sections.items())
    return f"# {bundle.config.sweep}: {bundle.trial.label}\n{text}"


def _details(bundle: ExportBundle, recipe: str, sha256: str) -> str:
    config, trial, file = bundle.config, bundle.trial, bundle.file
    about = f"{format_of(config.target.runtime).title}, {file.stat().st_size:,} bytes"
    return f"""\
`{file.name}` ({about}) is trial {trial.number} of the Paredown sweep `{config.sweep}`.
It was chosen as {bundle.choice.reason}.

SHA-256: `{sha256}`

How it was made, from the teacher of the task `{config.task.use}`, with seed {config.search.seed}:

```yaml
{recipe.rstrip()}
```

To make it again, where the task can be imported, and print where it is: `paredown trial sweep.yaml recipe.yaml`.
`manifest.json` has everything on this page, and the versions of the libraries, for programs."""


def _use(bundle: ExportBundle) -> str:
    target, runtime = bundle.config.target, RUNTIMES[bundle.config.target.runtime]
    return f"""\
Inference in {target}: that is what it was chosen for. Other batch sizes run too.
To run it: {_command(bundle)}, which needs {" and ".join([*runtime.packages, "numpy"])} only.

{UNKNOWN}"""


def _command(bundle: ExportBundle) -> str:
    if READER in task_files(bundle.evaluator.task):
        return f"`python run.py INPUT`, with a text or a file; `{READER}` reads it and says what it needs besides"
    return "`python run.py`"


def _metrics(bundle: ExportBundle) -> str:
    names = [name for name in bundle.latest(bundle.trial).metrics if name in METRICS]
    return "\n".join(f"- `{name}`: {METRICS[name].help}" for name in names)


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
    settings = listed(bundle.config.training.model_dump(exclude_none=True))
    return f"The train split of the task `{bundle.config.task.use}`{about}\n\nTraining: {settings}."


def listed(settings: Mapping[str, Any]) -> str:
    """Return `settings` in one line, groups of them in parentheses; groups without any are left out."""
    return ", ".join(
        f"{key} ({listed(value)})" if isinstance(value, Mapping) else f"{key} {_plain(value)}"
        for key, value in settings.items()
        if value != {}
    )


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value).lower()


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
        f"It is one of {len(state.front.members)} configurations on the front of {state.complete} that were "
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
