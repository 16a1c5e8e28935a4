"""The model card of an export: what is known of the file, for people."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime

from pipelines import METRICS, RUNTIMES
from pipelines.meters import Score
from search.reports.table import number
from search.shipping.export_bundle import Shipment

UNKNOWN = (
    "Paredown knows nothing of intended users, of groups and circumstances between which results may differ, of how "
    "the data was collected, and of ethical considerations: whoever ships this file adds them."
)


def model_card(shipment: Shipment, recipe: str, sha256: str) -> str:
    """The card as Markdown.

    Headings: M. Mitchell, S. Wu, A. Zaldivar, P. Barnes, L. Vasserman, B. Hutchinson, E. Spitzer, I. D. Raji and
    T. Gebru, "Model Cards for Model Reporting", 2019. What is not known is not there, and the card says so.

    Args:
        shipment: What is shipped.
        recipe: The recipe as YAML.
        sha256: Of the file.
    """
    sections = {
        "Model details": _details(shipment, recipe, sha256),
        "Intended use": _use(shipment),
        "Metrics": _metrics(shipment),
        "Evaluation data": _evaluation(shipment),
        "Training data": _training(shipment),
        "Quantitative analyses": _figures(shipment),
        "Caveats and recommendations": _caveats(shipment),
    }
    text = "".join(f"\n## {title}\n\n{body}\n" for title, body in sections.items())
    return f"# {shipment.config.sweep}: {shipment.trial.label}\n{text}"


def _details(shipment: Shipment, recipe: str, sha256: str) -> str:
    config, trial, file = shipment.config, shipment.trial, shipment.file
    return f"""\
`{file.name}` (ONNX, {file.stat().st_size:,} bytes) is trial {trial.number} of the Paredown sweep `{config.sweep}`.
It was chosen as {shipment.choice.reason}.

SHA-256: `{sha256}`

How it was made, from the teacher of the task `{config.task.use}`, with seed {config.search.seed}:

```yaml
{recipe.rstrip()}
```

To make it again, where the task can be imported, and print where it is: `paredown trial sweep.yaml recipe.yaml`.
`manifest.json` has everything on this page, and the versions of the libraries, for programs."""


def _use(shipment: Shipment) -> str:
    target, runtime = shipment.config.target, RUNTIMES[shipment.config.target.runtime]
    inputs = f"{target.batch} input{'s' if target.batch > 1 else ''} per call"
    threads = f"{target.threads} thread{'s' if target.threads > 1 else ''}"
    return f"""\
Inference in {runtime.name} on {target.device} with {threads} and {inputs}: that is what it was chosen for. Other batch
sizes run too. To run it: `python run.py`, which needs {" and ".join([*runtime.packages, "numpy"])} only.

{UNKNOWN}"""


def _metrics(shipment: Shipment) -> str:
    names = [name for name in shipment.figures(shipment.trial)[0] if name in METRICS]
    return "\n".join(f"- `{name}`: {METRICS[name].help}" for name in names)


def _evaluation(shipment: Shipment) -> str:
    found = shipment.held_out
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


def _training(shipment: Shipment) -> str:
    task = type(shipment.evaluator.task)
    said = (inspect.getdoc(task) or "").split("\n\n")[0].replace("\n", " ")
    about = f", which says of itself: “{said}”" if said else "."
    settings = shipment.config.training.model_dump().items()
    epochs = ", ".join(f"{key} {value if isinstance(value, str) else f'{value:g}'}" for key, value in settings)
    return f"The train split of the task `{shipment.config.task.use}`{about}\n\nTraining: {epochs}."


def _figures(shipment: Shipment) -> str:
    metrics, intervals = shipment.figures(shipment.trial)
    baseline = shipment.sweep.standing.baseline
    base, base_intervals = shipment.figures(baseline) if baseline else ({}, {})
    lines = [
        "On the validation split and for the target above; what has no interval is exact or its interval not known.",
        "",
        "| metric | this file | 95 % interval | uncompressed teacher | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for name, value in metrics.items():
        own, theirs = (
            f"{number(ends[name][0])} to {number(ends[name][1])}" if name in ends else ""
            for ends in (intervals, base_intervals)
        )
        lines.append(f"| {name} | {number(value)} | {own} | {number(base.get(name))} | {theirs} |")
    again = shipment.evidence.remeasured(shipment.trial.number)
    latest = again or shipment.trial.result
    if again:
        lines += ["", "These were measured again after the search, side by side with the rest of the front."]
    facts = [f"- {name}: {words}" for name, words in (latest.facts if latest else {}).items()]
    return "\n".join([*lines, *(["", *facts] if facts else [])])


def _caveats(shipment: Shipment) -> str:
    standing, number_ = shipment.sweep.standing, shipment.trial.number
    chance = shipment.evidence.membership[number_]
    caveats = [
        "The search chose by the validation split, so that the accuracy there is rather too good; the test split's is "
        "the one to expect on data like it.",
        "Latencies are of the machine and the versions named here; ratios to the teacher carry over better than times.",
        f"It is one of {len(standing.front.members)} configurations on the front of {standing.complete} that were "
        f"measured; given how sure the numbers are, it is on the front with a probability of {chance:.2f}.",
        "One training with one seed: `paredown confirm` shows what other seeds give.",
    ]
    if len(opened := sorted(shipment.evidence.held_out.keys() | {number_})) > 1:
        listed = ", ".join(map(str, opened))
        caveats.append(f"The test split was opened for several trials ({listed}): a choice by it makes it too good.")
    if not shipment.is_current:
        caveats.append(
            "It was made with another version of Paredown, of its libraries or of the task than those that wrote this "
            "page, so that making it again with these may give another file."
        )
    return "\n".join(f"- {caveat}" for caveat in caveats)
