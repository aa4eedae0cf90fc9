"""A real browser for tests: Debian's Chromium, driven by Playwright; what a page complains of fails its test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

SCREENSHOTS = Path(os.environ.get("REGSEARCH_SCREENSHOTS", Path(tempfile.gettempdir()) / "regsearch-screenshots"))
"""Where a failed test leaves what its page looked like."""

_FAILED = pytest.StashKey[bool]()


class Seen:
    """A page, and what it complained of: errors on its console, requests that failed or left this machine."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self._note(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("requestfailed", lambda request: self._note(f"failed: {request.url} {request.failure}"))

    def _note(self, complaint: str) -> None:
        self.complaints.append(complaint)

    def violations(self, context: object = None, **options: object) -> list[str]:
        """What axe finds that is serious or critical, each with the first element that it is true of.

        Args:
            context: The part of the page that is looked at, as axe takes it; None for all of it.
            options: Of axe.
        """
        found = Axe().run(self.page, context=context, options=options or None).response["violations"]
        return [
            f"{each['id']}: {each['help']} ({len(each['nodes'])}: {each['nodes'][0]['html'][:160]})"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for a file of tests: as long as there is one, `asyncio` takes its loop for the caller's."""
    executable = shutil.which("chromium")
    assert executable is not None, "expected chromium on the path, received none; .ci/run installs it"
    with sync_playwright() as playwright:
        # As root, as in a container, Chromium starts without its own sandbox only; /dev/shm may be small there.
        started = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture
def seen(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Seen]:
    """A new page; a failed test leaves a screenshot of it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    yield Seen(page)
    if request.node.stash.get(_FAILED, False):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
        print(f"screenshot: {SCREENSHOTS / name}.png")  # noqa: T201
    context.close()
