"""Fronts side by side as plain data and as a table for files."""

from __future__ import annotations

from typing import Any

import pandas as pd

from search.analysis.front_comparison import FrontComparison
from search.reports.report import table, trial_json


def front_comparison_json(comparison: FrontComparison) -> dict[str, Any]:
    """A comparison as plain data, for ``paredown front A B --json`` and notebooks."""
    return {
        "objectives": {objective.name: objective.direction for objective in comparison.objectives},
        "scale": dict(comparison.scale),
        "remarks": comparison.remarks,
        "fronts": [
            {
                "name": each.name,
                "sweep": each.config.sweep,
                **each.targets.to_json(),
                "hypervolume": volume,
                "joint_share": share,
                "baseline": trial_json(each.state.baseline) if each.state.baseline else None,
                "front": [{**trial_json(t), "joint": t.number in joint} for t in each.state.front.members],
            }
            for each, volume, share, joint in zip(
                comparison.named_fronts, comparison.hypervolumes, comparison.shares, comparison.joint, strict=True
            )
        ],
    }


def front_comparison_frame(comparison: FrontComparison) -> pd.DataFrame:
    """One row per member of each front: whose it is, whether it is on the joint front, and what `table` has."""
    frames = []
    for each, joint in zip(comparison.named_fronts, comparison.joint, strict=True):
        members = each.state.front.members
        frame = table(members)
        frame.insert(0, "front", each.name)
        frame.insert(1, "joint", [trial.number in joint for trial in members])
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
