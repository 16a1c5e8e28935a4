"""The words for a resource that no machine of the cluster offers."""

from __future__ import annotations

import json

import ray

from spaces import counted


def awaited(resource: str, files: int = 0) -> str:
    """Return what to say while no machine of the cluster offers `resource` and so many files are to be measured."""
    address = ray.get_runtime_context().gcs_address
    offer = json.dumps({resource: 1})
    waits = f"waiting to be measured: {counted(files, 'file')}; " if files else ""
    return (
        f"no node of the cluster offers the resource {resource!r}, on which files are measured; {waits}on a machine "
        f"that is to measure, run: ray start --address={address} --num-cpus=0 --resources='{offer}'"
    )
