import json
import subprocess
import sys

from pipelines.runtimes.target import Target

TARGET = Target("openvino", "cpu", batch=8, threads=2)


def test_it_names_itself_for_people() -> None:
    assert str(Target()) == "onnxruntime on cpu, batch 1, 1 thread"
    assert str(TARGET) == "openvino on cpu, batch 8, 2 threads"
    assert str(Target(resource="edge")) == "onnxruntime on cpu, batch 1, 1 thread, on edge"


def test_it_names_itself_for_files() -> None:
    assert TARGET.parts == ("openvino", "cpu", "b8", "t2")
    assert Target().slug == "onnxruntime-cpu-b1-t1"
    assert Target(resource="edge").slug == "onnxruntime-cpu-b1-t1-edge"


def test_it_travels_as_plain_data() -> None:
    data = json.loads(json.dumps(TARGET.to_json()))
    assert data == {"runtime": "openvino", "device": "cpu", "batch": 8, "threads": 2}
    assert Target.from_json(data) == TARGET
    assert Target.from_json(Target(resource="edge").to_json()) == Target(resource="edge")


def test_it_needs_neither_torch_nor_pydantic() -> None:
    code = "import sys, pipelines.runtimes.target; print(sorted({'torch', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
