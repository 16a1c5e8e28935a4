from dataclasses import replace
from pathlib import Path

from pipelines.bench.job import Job
from pipelines.runtimes import Artifact, Origin, Target


def test_a_job_travels_as_text() -> None:
    artifacts = (Artifact(Path("/a b/ö"), "onnx"), Artifact(Path("r"), "onnx"), Artifact(Path("p"), "npz"))
    job = Job(*artifacts, Path("f"), Target("openvino", "cpu", 8, 2), 0.5, Path("/x"))
    assert Job.loads(job.dumps()) == job
    own = replace(job, origin=Origin("my_runtime", "Mine", ("/a b", "/c")))
    assert Job.loads(own.dumps()) == own
