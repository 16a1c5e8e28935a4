from pathlib import Path

import pytest

from pipelines.bench.job import Job, Report


def test_a_job_travels_as_text() -> None:
    job = Job(Path("/a b/ö"), Path("r"), Path("p"), Path("f"), "onnxruntime", 2, 8, 0.5, Path("/x"))
    assert Job.loads(job.dumps()) == job


def test_a_report_travels_as_one_line() -> None:
    report = Report({"latency_ms": 0.1}, {"latency_ms": (0.05, 0.2)}, {"latency.load": "none\nat all"}, "")
    assert "\n" not in report.dumps()
    assert Report.loads(report.dumps()) == report


def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        Report.loads("Segmentation fault")


def test_reports_are_put_together() -> None:
    both = Report({"a": 1.0}, {"a": (0, 2)}, {"x": "1"}) | Report({"b": 2.0}, {}, {"y": "2"}, "no")
    assert both == Report({"a": 1.0, "b": 2.0}, {"a": (0, 2)}, {"x": "1", "y": "2"}, "no")
