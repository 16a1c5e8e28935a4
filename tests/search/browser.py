"""A headless Chromium that looks at MLflow's pages, for tests and for the pictures in the documentation."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

T = TypeVar("T")

FLAGS = [
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync", "hide-scrollbars"),
    *("disable-background-networking", "disable-component-update", "disable-dev-shm-usage"),
]

WAIT_S = 90
"""Pages of the UI are large, and a machine under test is busy."""


def missing() -> list[str]:
    """The programs that are needed and not installed; Debian has them as chromium and chromium-driver."""
    return [name for name in ("chromium", "chromedriver") if not shutil.which(name)]


class Browser:
    """Pages as a person sees them: everything waits until what was asked for is there."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        """Go to `address` afresh: with only another part behind its #, the UI would keep what it had loaded."""
        for window in self.driver.window_handles[1:]:
            self.driver.switch_to.window(window)
            self.driver.close()
        self.driver.switch_to.window(self.driver.window_handles[0])
        self.driver.get("about:blank")
        self.driver.get(address)
        self._close_assistant()

    def wait(self, what: str, found: Callable[[], T]) -> T:
        """What `found` gives once it is true.

        Raises:
            TimeoutException: it was not in time; says `what`.
        """

        def attempt(_: object) -> T | None:
            try:
                return found()
            except WebDriverException:  # the page was redrawn under our hands
                return None

        return WebDriverWait(self.driver, WAIT_S, 0.2).until(attempt, f"never seen: {what}")

    def all(self, css: str) -> list[WebElement]:
        """The elements that `css` selects now."""
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def see(self, css: str, count: int = 1) -> list[WebElement]:
        """The elements that `css` selects, once there are `count`."""
        return self.wait(f"{count} of {css}", lambda: found if len(found := self.all(css)) >= count else None)

    def read(self, *texts: str) -> str:
        """The page's text once it has all `texts`."""
        return self.wait(", ".join(texts), lambda: page if all(t in (page := self.text()) for t in texts) else None)

    def text(self) -> str:
        """The page's text now."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    def click(self, text: str, tag: str) -> None:
        """Click the first `tag` with exactly this text."""
        path = f"//{tag}[normalize-space(.)='{text}']"

        def pressed() -> bool:
            element = self.driver.find_element(By.XPATH, path)
            self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
            try:
                element.click()
            except ElementClickInterceptedException:
                return False
            return True

        self.wait(f"{text!r} to click", pressed)

    def follow(self, text: str, within: str = "") -> None:
        """Click the first link with exactly this text and go on in the window that it opens."""
        before = set(self.driver.window_handles)
        self.click(text, f"{within}//a" if within else "a")
        (opened,) = self.wait("another window", lambda: set(self.driver.window_handles) - before)
        self.driver.switch_to.window(opened)
        self._close_assistant()

    @contextmanager
    def frame(self, css: str) -> Iterator[None]:
        """Within the frame that `css` selects."""
        self.driver.switch_to.frame(self.see(css)[0])
        try:
            yield
        finally:
            self.driver.switch_to.default_content()

    def _close_assistant(self) -> None:
        """Close the pane that a first visit opens beside the page."""
        self.driver.execute_script(
            "new MutationObserver((_, watch) => { const pane = [...document.querySelectorAll('button')]"
            ".find(b => b.getAttribute('aria-label') === 'Close' && document.body.innerText.includes('Assistant'));"
            "if (pane) { watch.disconnect(); pane.click(); } }).observe(document, {childList: true, subtree: true});"
        )


@contextmanager
def browser(width: int = 1500, height: int = 1100) -> Iterator[Browser]:
    """A browser with a window of this size and a profile of its own; ends with the context."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in (*FLAGS, f"user-data-dir={profile}", f"window-size={width},{height}"):
            options.add_argument(f"--{flag}")
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
