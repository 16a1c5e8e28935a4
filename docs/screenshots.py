"""Take the pictures of MLflow's pages that the documentation shows, from a sweep that was run.

It needs Debian's chromium and chromium-driver, and the extra `dev`.

    python -m docs.screenshots digits --out docs/images
"""

from __future__ import annotations

import argparse
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.search.browser import Browser, browser

COLORS = 256
"""So few make a picture of a page a third as large, and nobody sees it."""

QUIET = """
const style = document.createElement('style');
style.textContent = '.modebar, [data-assistant-ui] { display: none !important }';
document.head.append(style);
for (const line of document.querySelectorAll('span, div'))
  if (line.textContent.startsWith('Path: file:')) line.style.visibility = 'hidden';
"""
"""Hides what only a browser without a mouse shows all the time, a button that floats above the page, and where the
artifacts are on the machine on which the pictures are taken."""


@contextmanager
def served(sweep: str) -> Iterator[tuple[str, str]]:
    """`paredown ui` on the sweep; gives the addresses of the sweep's run and of its charts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "search.cli.app", "ui", sweep, "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr
        said = "".join(server.stderr.readline() for _ in range(3))
        run, charts = re.findall(r"http://\S+/#\S+", said)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield run, charts
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)


def shoot(page: Browser, path: Path, height: int) -> None:
    """Write what the window shows, `height` pixels of it from the top, to `path`."""
    page.driver.execute_script(QUIET)
    time.sleep(2)  # charts are drawn with a transition
    picture = Image.open(BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(height, picture.height)))
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    with served(options.sweep) as (run, charts), browser(1500, 1240) as page:
        page.open(run)
        page.click("Show more", "button")
        page.read("What was asked")
        shoot(page, options.out / "mlflow-run.png", 900)
        page.open(run.replace("?", "/artifacts/pareto.html?"))
        with page.frame("iframe"):
            page.see("svg circle", 2)
        shoot(page, options.out / "mlflow-front.png", 1000)
        page.open(charts)
        page.see(".js-plotly-plot .scatterlayer .points path", 4)
        page.see(".js-plotly-plot .contourlayer, .js-plotly-plot .heatmaplayer")
        shoot(page, options.out / "mlflow-charts.png", 1100)


if __name__ == "__main__":
    main()
