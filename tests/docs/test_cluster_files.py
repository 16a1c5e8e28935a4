"""The examples of how a cluster is started, checked as far as that can be without a cloud."""

from pathlib import Path

import pytest
import ray
import yaml
from jsonschema import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config

from search.cli.app import app
from search.config.sweep_config import load_config

FOLDER = Path(__file__).parents[2] / "docs" / "cluster"
MOUNT = {"mountPath": "/state", "name": "state"}


def read(name: str) -> dict:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def test_no_file_is_overlooked() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {"ray-up.yaml", "raycluster.yaml", "rayjob.yaml"}


def test_what_ray_up_reads_is_legal_by_rays_own_schema() -> None:
    config = read("ray-up.yaml")
    whole = prepare_config(config)  # with Ray's own defaults, as its command does
    validate_config(whole)
    head, gpu = (config["available_node_types"][name] for name in ("head", "gpu"))
    assert config["head_node_type"] == "head"
    assert (head["resources"]["CPU"], gpu["resources"]["GPU"]) == (0, 1)
    with pytest.raises(ValidationError, match="idle_timeout"):
        validate_config({**whole, "idle_timeout": 5})


def containers(group: dict) -> list[dict]:
    return group["template"]["spec"]["containers"]


def test_the_cluster_on_kubernetes_has_what_a_sweep_needs() -> None:
    config = read("raycluster.yaml")
    assert (config["apiVersion"], config["kind"]) == ("ray.io/v1", "RayCluster")
    head, (workers,) = config["spec"]["headGroupSpec"], config["spec"]["workerGroupSpecs"]
    assert config["spec"]["rayVersion"] == ray.__version__
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert workers["minReplicas"] <= workers["replicas"] <= workers["maxReplicas"]
    for group in (head, workers):
        (container,) = containers(group)
        assert MOUNT in container["volumeMounts"]
        assert "state" in {volume["name"] for volume in group["template"]["spec"]["volumes"]}
        assert container["resources"]["requests"] == container["resources"]["limits"]
    assert {"name": "PAREDOWN_HOME", "value": MOUNT["mountPath"]} in containers(head)[0]["env"]
    assert containers(workers)[0]["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_the_job_on_kubernetes_runs_a_command_that_there_is_on_that_cluster() -> None:
    job, cluster = read("rayjob.yaml"), read("raycluster.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert job["spec"]["clusterSelector"] == {"ray.io/cluster": cluster["metadata"]["name"]}
    program, command, path, *rest = job["spec"]["entrypoint"].split()
    assert (program, command, set(rest[::2])) == ("paredown", "run", {"-o"})
    assert command in {each.name for each in app.registered_commands}
    config = load_config(FOLDER.parents[1] / path, rest[1::2])
    assert (config.cluster.address, config.cluster.trial_timeout) == ("auto", 7200)
    environment = yaml.safe_load(job["spec"]["runtimeEnvYAML"])
    assert environment["env_vars"]["PAREDOWN_HOME"] == MOUNT["mountPath"]
