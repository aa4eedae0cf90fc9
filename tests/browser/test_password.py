"""A dashboard that asks for a password, in a browser: as `regsearch dashboard --password-file` serves it, and behind a
reverse proxy of another name.

The browser's own dialog is answered over the DevTools protocol, as a user would: wrong first, then right.
"""

from __future__ import annotations

import base64
import http.client
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import psutil
import pytest

from search.coordination.launching import Launch, run_study
from search.preparation.files import prepare_study
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake

PASSWORD = "correct horse: battery staple ü"
WRONG = "swordfish 7"
BASIC = base64.b64encode(f"anna:{PASSWORD}".encode()).decode()
PROXY = "dash.localhost"
"""Chromium takes any such name for this machine."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A dashboard with a password: its process and its address; and, at the end, that it said nothing but its name."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "quick.toml").write_text(STUDY)
    with open_storage(f"sqlite:///{folder / 's.db'}", create=True) as storage:
        run_study(prepare_study(str(folder / "quick.toml")), storage, Launch(0), train=Fake())
    (folder / "password.txt").write_text(PASSWORD + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "search", "dashboard", "--storage", f"sqlite:///{folder / 's.db'}", "--port", "0"]
    command += ["--password-file", str(folder / "password.txt"), "--host-name", PROXY]
    with (folder / "said.txt").open("w+") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            while not (found := re.search(r"http://127\.0\.0\.1:\d+", (folder / "said.txt").read_text())):
                assert process.poll() is None, (folder / "said.txt").read_text()
            yield process, found[0]
        finally:
            process.terminate()
            process.wait(30)
            told = (folder / "said.txt").read_text()
    assert told.count("\n") == 1, told
    assert "it asks for the password" in told


class _Forward(BaseHTTPRequestHandler):
    """Passes on what is asked, with the name under which it was asked for, as reverse proxies are told to."""

    upstream = ""

    def do_GET(self):
        connection = http.client.HTTPConnection(self.upstream)
        connection.request("GET", self.path, headers=dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    def log_message(self, *arguments):
        pass


@contextmanager
def _proxy(address):
    upstream = address.removeprefix("http://")
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Forward", (_Forward,), {"upstream": upstream})) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://{PROXY}:{server.server_port}"
        server.shutdown()


@pytest.fixture(params=["directly", "behind a proxy"])
def address(request, served):
    if request.param == "directly":
        yield served[1]
    else:
        with _proxy(served[1]) as found:
            yield found


class Visitor:
    """A browser with a folder of its own, and how it answers when it is asked for a password."""

    def __init__(self, context):
        self.context = context
        self.asked, self.answers, self.urls, self.complaints = [], [], [], []
        self.page = self.open()

    def open(self):
        """A new tab; what it complains of is kept."""
        page = self.context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", self._keep_failure)
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("response", lambda told: self.complaints.append(told.url) if told.status >= 400 else None)
        return page

    def _keep_failure(self, request):
        if request.failure != "net::ERR_ABORTED":  # of a page that was left, or loaded again, before it had its answer
            self.complaints.append(f"{request.url} {request.failure}")

    @contextmanager
    def answering(self, *answers):
        """Answer the dialog of the first tab: with passwords one after the other; None closes it."""
        left, session = list(answers), self.context.new_cdp_session(self.page)

        def answer(event):
            self.asked.append(event["authChallenge"])
            password = left.pop(0)
            how = {"response": "ProvideCredentials", "username": "anna", "password": password}
            how = {"response": "CancelAuth"} if password is None else how
            session.send("Fetch.continueWithAuth", {"requestId": event["requestId"], "authChallengeResponse": how})

        session.on("Fetch.authRequired", answer)
        session.on(
            "Fetch.requestPaused",
            lambda event: session.send("Fetch.continueRequest", {"requestId": event["requestId"]}),
        )
        session.send("Fetch.enable", {"handleAuthRequests": True})
        yield
        session.detach()
        assert left == [], "expected to be asked as often as there are answers"


@pytest.fixture
def visitor(browser, tmp_path):
    context = browser.browser_type.launch_persistent_context(
        tmp_path / "profile",
        executable_path=shutil.which("chromium"),
        args=["--no-sandbox", "--disable-dev-shm-usage"],
        viewport={"width": 1280, "height": 900},
    )
    yield Visitor(context)
    context.close()


def test_browser_asks_until_the_password_is_right_and_then_every_tab_opens(served, address, visitor, tmp_path):
    page, study = visitor.page, f"{address}/dashboard/studies/1"
    with visitor.answering(None):
        page.goto(study)
        assert page.inner_text("body") == '{"reason": "expected this dashboard\'s password, with any user name"}'
        assert visitor.complaints.pop(0) == study
    visitor.complaints.clear()  # that one in the console, too
    with visitor.answering(WRONG, PASSWORD):
        page.goto(study)
        page.wait_for_selector("#plot-history .points path.point", state="attached")
    assert {(each["scheme"], each["realm"]) for each in visitor.asked} == {("basic", "regsearch dashboard")}
    assert len(visitor.asked) == 3

    tabs = [visitor.open() for _ in range(2)]
    for tab in tabs:
        tab.goto(f"{study}/trials?numbers=2")
        tab.wait_for_selector("text=Trial 2 (trial_id=3)")
    for tab in (*tabs, page):
        tab.reload()
    for tab in tabs:
        tab.wait_for_selector("text=Trial 2 (trial_id=3)")
    page.wait_for_selector("#plot-history .points path.point", state="attached")
    with page.expect_response(lambda told: "after=30" in told.url):  # it asks for what is new by itself
        pass
    told = page.evaluate("fetch('/artifacts/1/x').then(told => told.headers.get('content-disposition'))")
    assert told == "attachment"
    visitor.complaints = [said for said in visitor.complaints if "artifacts" not in said and "404" not in said]
    assert visitor.complaints == []

    secrets = (PASSWORD, BASIC, WRONG)
    shown = [tab.content() for tab in (*tabs, page)]
    kept = [page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")]
    processes = [" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])]
    assert all(secret not in text for secret in secrets for text in (*visitor.urls, *shown, *kept, *processes))
    visitor.context.close()
    files = [path for path in (tmp_path / "profile").rglob("*") if path.is_file()]
    assert any(study.encode() in path.read_bytes() for path in files), "expected a browser that keeps pages"
    leaks = [path for path in files for secret in secrets if secret.encode() in path.read_bytes()]
    assert leaks == []
