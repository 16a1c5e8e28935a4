"""What a person sees in MLflow, from a sweep through the real command line to the pages in a real browser."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from search.study.study import read_trials
from search.study.workspace import Workspace
from tests.search.browser import Browser, browser, missing

ROOT = Path(__file__).parents[2]
SWEEP = {
    "sweep": "tiny",
    "task": {"use": "digits"},
    "space": {
        "student": {"depth": ["none", 1]},
        "pruning": {"method": ["none", "channel"], "ratio": [0.25, 0.5]},
        "quantization": {"scheme": ["none", "static-int8"], "calibrator": ["minmax"]},
    },
    "training": {"teacher_epochs": 1, "student_epochs": 1, "finetune_epochs": 1},
    "search": {"sampler": "random", "trials": 12, "seed": 0},
    "cluster": {"max_concurrent_trials": 1},
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(missing()), reason=f"no {' and no '.join(missing())}: apt-get install chromium chromium-driver"
    ),
]


class Scene:
    """A sweep that has run while the UI was open, the UI, and a browser."""

    def __init__(self, folder: Path, page: Browser) -> None:
        self.folder, self.page, self.workspace = folder, page, Workspace(folder / "home")
        self.environment = {**os.environ, "PAREDOWN_HOME": str(self.workspace.root), "PYTHONPATH": str(ROOT)}
        self.file = folder / "tiny.yaml"
        self.file.write_text(yaml.safe_dump(SWEEP, sort_keys=False), encoding="utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self, *arguments: object) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "search.cli.app", *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: object) -> str:
        process = self.start(*arguments)
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, out
        return out

    def finished(self) -> int:
        return sum(trial.result is not None for trial in read_trials(self.workspace.sweep("tiny")))


def wait_until(true, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """The sweep has ended, its knee is registered, and `paredown ui`, started in the midst of it, still serves."""
    with browser() as page:
        scene = Scene(tmp_path_factory.mktemp("browser"), page)
        sweep = scene.start("run", scene.file)
        server = None
        try:
            wait_until(lambda: scene.finished() >= 1, sweep)
            server = scene.start("ui", "--port", scene.port)
            said = [server.stdout.readline() for _ in range(3)]
            scene.addresses = re.findall(r"http://\S+/#\S+", "".join(said))
            wait_until(lambda: answers(f"http://127.0.0.1:{scene.port}/health"), server)
            scene.was_running = sweep.poll() is None
            page.open(scene.addresses[0])
            scene.first_look = page.read("Description", "trials finished")
            assert sweep.wait(timeout=300) == 0, sweep.communicate()[0]
            picked = scene.run("pick", "tiny", "--knee", "--register", "tiny-cpu@champion", "--json")
            scene.picked = json.loads(picked[picked.index("{") :])
            scene.front = json.loads(scene.run("front", "tiny", "--json"))
            yield scene
        finally:
            for process in (server, sweep):
                if process and process.poll() is None:
                    process.send_signal(signal.SIGINT)
                    process.communicate(timeout=60)


def test_the_ui_can_be_looked_at_while_the_sweep_runs(scene) -> None:
    assert scene.was_running
    assert "of 12 trials finished" in scene.first_look
    assert len(scene.addresses) == 2


def test_the_sweeps_run_says_what_came_out_and_what_to_do_next(scene) -> None:
    page = scene.page
    page.open(scene.addresses[0])
    members = len(scene.front["front"])
    page.read(f"{members} configurations on the Pareto front · 12 of 12 trials finished")
    page.click("Show more", "button")
    text = page.read("Recommended picks", "The front", "What was asked")
    assert "paredown pick tiny --knee --export out/" in text
    assert "budget: 12 trials with random, seed 0" in text
    rows = [
        [cell.text.strip() for cell in row.find_elements("css selector", "td")] for row in page.see("tbody tr", members)
    ]
    shown = [[number, recipe.removesuffix(" †")] for number, recipe, *_ in rows]
    assert shown == [["baseline", "teacher"], *([str(t["trial"]), t["label"]] for t in scene.front["front"])]


def test_the_note_leads_to_a_trials_run(scene) -> None:
    page, trial = scene.page, scene.front["front"][0]
    page.open(scene.addresses[0])
    page.click("Show more", "button")
    page.see("table", 1)
    page.follow(str(trial["trial"]), within="table")
    page.wait("the trial's name", lambda: any(h.text == trial["label"] for h in page.all("h1, h2, h3")))
    page.read("accuracy", "measured/latency_ratio", "quantization.scheme", "digits (", "pareto")


def test_the_interactive_front_is_drawn_in_the_artifact_view(scene) -> None:
    page = scene.page
    page.open(scene.addresses[0])
    page.click("Show more", "button")
    page.follow("interactive front")
    with page.frame("iframe[src^='blob:'], iframe[srcdoc], iframe"):
        shapes = page.see("svg circle", len(scene.front["front"]) - 1)
        assert all(shape.size["width"] > 0 for shape in shapes)
        assert "configurations on the Pareto front" in page.read("tiny")


def test_the_preset_view_opens_with_its_charts(scene) -> None:
    page = scene.page
    page.open(scene.addresses[0])
    page.follow("look at the charts of all trials")
    page.read("Pareto", "(4)", "latency_ms vs. accuracy", "size_mb vs. accuracy", "latency_ms vs. size_mb vs. accuracy")
    page.see(".js-plotly-plot .scatterlayer .trace .points path", 12)
    page.see(".js-plotly-plot .contourlayer, .js-plotly-plot .heatmaplayer")
    page.read("Parallel Coordinates", "pruning.method")
    colors = {point.value_of_css_property("fill") for point in page.all(".scatterlayer .points path")}
    assert {"rgb(9, 105, 218)", "rgb(207, 34, 46)"} <= colors  # the front and the teacher
    assert page.driver.current_url.startswith(scene.addresses[1])


def test_the_trials_are_listed_with_their_metrics(scene) -> None:
    page = scene.page
    page.open(scene.addresses[1].replace("&compareRunsMode=CHART", ""))
    text = page.read("12 matching runs", "accuracy", "latency_ms", "size_mb", "student.depth")
    best = scene.front["front"][0]
    assert best["label"][:12] in text
    cells = page.wait("metrics in the table", lambda: [c.text for c in page.all(".ag-cell") if c.text.startswith("0.")])
    assert any(f"{best['metrics']['size_mb']:.6g}"[:6] in cell for cell in cells)


def test_the_growing_front_is_a_picture(scene) -> None:
    page = scene.page
    page.open(scene.addresses[0].replace("?", "/model-metrics?"))
    page.read("front_size", "hypervolume", "hypervolume_by_compute_s")
    (picture, *_) = page.see("img[src*='images']")
    page.wait("the picture", lambda: int(picture.get_attribute("naturalWidth")) > 100)


def test_the_registered_model_has_its_alias(scene) -> None:
    page = scene.page
    page.open(f"http://127.0.0.1:{scene.port}/#/models/tiny-cpu?workflowType=machine_learning")
    page.read("tiny-cpu", "champion", "Version 1")
    page.open(f"http://127.0.0.1:{scene.port}/#/models/tiny-cpu/versions/1?workflowType=machine_learning")
    text = page.read(f"Trial {scene.picked['trial']} of the Paredown sweep", "champion")
    assert "paredown.sweep" in text
