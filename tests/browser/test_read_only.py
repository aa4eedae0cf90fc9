"""The dashboard that only reads shows no button that would change something; one that it does not know fails here."""

from __future__ import annotations

import re

import optuna
import pytest

from search.coordination.launching import Launch, run_study
from search.dashboard.read_only import CHANGING_ICONS, CHANGING_LABELS
from search.preparation.files import prepare_study
from search.storage import open_storage
from tests.browser.test_dashboard_pages import serving
from tests.followup.fakes import STUDY, Fake

PAGES = {
    "": "3. preferred",
    "/compare-studies": "EDF for log_loss",
    "/studies/1": "Timeline",
    "/studies/1/analytics": "Contour",
    "/studies/1/trials?numbers=0": "Trial 0 (trial_id=",
    "/studies/1/smartSelection": "Param dropout",
    "/studies/1/note": "30 of 30 trials ended.",
    "/studies/2/trials?numbers=0": "Trial 0 (trial_id=",
    "/studies/2/trials?numbers=1": "Trial 1 (trial_id=",
    "/studies/3": "Which trial is the worst?",
    "/studies/3/preference-history": "No feedback history",
    "/studies/3/trials?numbers=0": "Trial 0 (trial_id=",
}
"""Each page to what it shows once it is drawn with what the database holds: a busy page may be quiet before that."""
CHANGING = ("", "/studies/1/note", "/studies/2/trials?numbers=0", "/studies/3")
"""Pages that have all buttons which change something."""
READING = {
    *("button:open drawer", "button:ChevronLeftIcon", "div:SyncIcon", "div:SettingsIcon", "div:Brightness7Icon"),
    *("button:RefreshIcon", "button:Filter", "button:FilterListIcon", "span:ArrowDownwardIcon"),
    *("button:first page", "button:previous page", "button:next page", "button:last page", "button:show detail"),
}
"""Buttons that were looked at, and change nothing but what the page shows."""
ROW = re.compile(r"div:(Trial \d+|[123]\. (quick|theirs|preferred))")

FIND_BUTTONS = """
[...document.querySelectorAll('button, [role=button], textarea, input[type=file]')]
    .filter(one => one.checkVisibility() && !one.closest('.modebar'))
    .map(one => one.tagName.toLowerCase() + ':' + (one.getAttribute('aria-label')
        || [...one.querySelectorAll('svg')].map(icon => icon.dataset.testid).join() || one.innerText.split('\\n')[0]))
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A study of ours, one of another program with a trial that runs and one that waits, and one of preferences."""
    folder = tmp_path_factory.mktemp("read_only")
    (folder / "quick.toml").write_text(STUDY)
    url = f"sqlite:///{folder / 's.db'}"
    with open_storage(url, create=True) as storage:
        run_study(prepare_study(str(folder / "quick.toml")), storage, Launch(0), train=Fake())
    theirs = optuna.create_study(storage=url, study_name="theirs")
    theirs.ask()
    theirs.enqueue_trial({"x": 0.5})
    preferred = optuna.create_study(storage=theirs._storage, study_name="preferred")
    theirs._storage.set_study_system_attr(preferred._study_id, "preference:is_preferential", True)
    for _ in range(2):
        preferred.ask().suggest_float("x", 0, 1)
    theirs._storage.remove_session()
    return folder / "s.db"


def buttons(page, address, paths):
    """Each page to the buttons that it shows."""
    found = {}
    for path in paths:
        page.goto(f"{address}/dashboard{path}")
        page.get_by_text(PAGES[path]).first.wait_for()
        page.wait_for_load_state("networkidle")
        found[path] = set(page.evaluate(FIND_BUTTONS))
    return found


def test_every_button_that_a_reader_sees_only_reads(seen, database):
    with serving(database) as address:
        found = buttons(seen.page, address, PAGES)
        told = "getComputedStyle(document.querySelector('header .MuiToolbar-root'), '::after').content"
        assert seen.page.evaluate(told) == '"read-only: --writable allows changes"'
    unknown = {path: {one for one in shown - READING if not ROW.fullmatch(one)} for path, shown in found.items()}
    assert not any(unknown.values()), unknown
    assert set.union(*found.values()) >= READING, "expected pages that were drawn"
    assert seen.complaints == []


def test_every_button_that_is_hidden_is_there_where_changes_are_allowed(seen, database):
    with serving(database, WRITABLE="yes") as address:
        found = set.union(*buttons(seen.page, address, CHANGING).values())
    hidden = {f"button:{name}" for name in (*CHANGING_LABELS, *CHANGING_ICONS)}
    assert hidden - found == {"button:delete artifact"}, "without a store of artifacts there are none"
    assert seen.complaints == []
