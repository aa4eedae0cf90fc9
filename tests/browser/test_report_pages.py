"""Reports as a person opens them: drawn, filled, readable in light and dark, by keyboard and screen reader."""

import re
from functools import partial

import pytest

from search.coordination.launching import Launch, run_study
from search.followup.ablation import ablate
from search.followup.again import Trainers
from search.followup.sweep import Values, sweep
from search.preparation.files import prepare_study
from search.reporting.report import gather_comparison, gather_report, report_html
from search.storage import open_storage
from tests.coordination.test_diagnosing import OnAPlane
from tests.followup.fakes import STUDY


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Addresses of a report with Plotly, of one without, and of one of two studies."""
    folder = tmp_path_factory.mktemp("pages")
    trainers = Trainers(Launch(0), train=OnAPlane())
    with open_storage(f"sqlite:///{folder / 'quick.db'}", create=True) as storage:
        for name in ("quick", "second"):
            (folder / f"{name}.toml").write_text(STUDY.replace('"quick"', f'"{name}"'))
            run_study(prepare_study(str(folder / f"{name}.toml")), storage, Launch(0), train=OnAPlane())
        sweep(storage, "quick", Values("l2", n_points=4), repeats=2, trainers=trainers)
        ablate(storage, "quick", repeats=2, trainers=trainers)
        reports = [gather_report(storage, name) for name in ("quick", "second")]
        comparison = gather_comparison(storage, ["quick", "second"])
    made = {
        "interactive": report_html(reports[0]),
        "svg": report_html(reports[0], plots="svg"),
        "several": report_html(*reports, comparison=comparison),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text)
    return {name: (folder / f"{name}.html").as_uri() for name in made}


KINDS = {"curves", "finalists", "path-l2", "importance", "confusion", "boundary"}
ALL_DRAWN = "() => [...document.querySelectorAll('.figure')].every(each => each.querySelector('.main-svg'))"
DRAWN = "() => document.querySelectorAll('.figure .main-svg').length > 0"


def opened(seen, address, *, scheme="light", width=1280):
    seen.page.set_viewport_size({"width": width, "height": 900})
    seen.page.emulate_media(color_scheme=scheme)
    requests = []
    seen.page.on("request", lambda request: requests.append(request.url))
    seen.page.goto(address)
    if "svg" not in address:
        seen.page.wait_for_function(DRAWN)
    return requests


def test_every_figure_is_drawn_with_its_traces_and_nothing_is_fetched(seen, pages):
    requests = opened(seen, pages["interactive"])
    drawn = seen.page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('.figure')].map("
        "each => [each.id.slice(7), each.data ? each.data.length : 0]))"
    )
    assert set(drawn) >= KINDS
    assert all(drawn.values())
    assert seen.complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.parametrize("name", ["interactive", "svg", "several"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_violation_of_accessibility(seen, pages, name, scheme):
    opened(seen, pages[name], scheme=scheme)
    for summary in seen.page.query_selector_all("summary")[:3]:
        summary.click()
    rules = {} if scheme == "light" else {"runOnly": {"type": "rule", "values": ["color-contrast"]}}  # all that differs
    assert seen.violations(**rules) == []
    assert seen.complaints == []


def test_ink_follows_the_scheme_also_when_it_changes(seen, pages):
    opened(seen, pages["interactive"])
    ink = partial(seen.page.evaluate, "() => document.getElementById('figure-curves').layout.font.color.trim()")
    light = ink()
    seen.page.emulate_media(color_scheme="dark")
    seen.page.wait_for_function(
        f"() => document.getElementById('figure-curves').layout.font.color.trim() !== {light!r}"
    )
    assert ink() == "#e6edf3"


def test_keyboard_opens_numbers(seen, pages):
    opened(seen, pages["svg"])
    first = seen.page.locator("details").first
    assert first.get_attribute("open") is None
    for _ in range(12):
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("() => document.activeElement.tagName") == "SUMMARY":
            break
    seen.page.keyboard.press("Enter")
    assert first.get_attribute("open") is not None
    assert first.locator("tbody tr").count() > 2


@pytest.mark.parametrize("name", ["interactive", "svg", "several"])
def test_narrow_screens_scroll_tables_and_not_the_page(seen, pages, name):
    opened(seen, pages[name], width=390)
    assert seen.page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_small_page_shows_all_without_scripts(seen, pages):
    opened(seen, pages["svg"])
    assert seen.page.locator("script").count() == 0
    assert seen.page.locator(".figure svg").count() >= len(KINDS)
    assert seen.page.locator(".figure.narrow svg").first.is_hidden()
    inside = seen.page.evaluate(
        "() => [...document.querySelectorAll('.figure svg')].every(svg => { const box = svg.getBoundingClientRect();"
        "return [...svg.querySelectorAll('text')].every(text => { const one = text.getBoundingClientRect();"
        "return one.left >= box.left - 1 && one.right <= box.right + 1 && one.top >= box.top - 1"
        "&& one.bottom <= box.bottom + 1; }); })"
    )
    assert inside, "expected all words inside their figures"


NARROW_WORDS = """
() => [...document.querySelectorAll('.figure')].flatMap(figure => {
  const outer = figure.getBoundingClientRect();
  const boxes = [...figure.querySelectorAll('.annotation-text, .xtitle, .x2title, .ytitle, .y2title, .legendtext')]
    .map(each => [each.textContent, each.getBoundingClientRect()]).filter(([_, box]) => box.width);
  const outside = boxes.filter(([_, box]) => box.left < outer.left - 1 || box.right > outer.right + 1
    || box.bottom > outer.bottom + 1).map(([text]) => `${figure.id}: ${text} is cut`);
  const over = boxes.flatMap(([text, one], place) => boxes.slice(place + 1).filter(([_, other]) =>
    one.left < other.right - 2 && other.left < one.right - 2
    && one.top < other.bottom - 2 && other.top < one.bottom - 2)
    .map(([other]) => `${figure.id}: ${text} lies on ${other}`));
  return [...outside, ...over];
})
"""


def test_words_of_interactive_figures_do_not_overlap_on_narrow_screens(seen, pages):
    opened(seen, pages["interactive"], width=390)
    seen.page.wait_for_function(ALL_DRAWN)
    assert seen.page.evaluate(NARROW_WORDS) == []
    assert seen.complaints == []


def test_words_of_pictures_can_be_read_on_narrow_screens(seen, pages):
    opened(seen, pages["svg"], width=390)
    sizes = seen.page.evaluate(
        "() => [...document.querySelectorAll('.figure svg text')].filter(each => each.getBoundingClientRect().width)"
        ".map(each => { const {c, d} = each.getScreenCTM();"
        "return Math.hypot(c, d) * parseFloat(each.getAttribute('font-size')); })"
    )
    assert len(sizes) > 50
    assert min(sizes) >= 10


def test_lines_are_lighter_on_dark_paper(seen, pages):
    colours = "() => document.getElementById('figure-curves').data.map(each => each.line.color)"
    opened(seen, pages["interactive"])
    assert "#0072B2" in seen.page.evaluate(colours)
    seen.page.emulate_media(color_scheme="dark")
    seen.page.wait_for_function(f"() => ({colours})().includes('#4BA3DB')")
    assert "#0072B2" not in seen.page.evaluate(colours)
    opened(seen, pages["svg"], scheme="dark")
    stroke = seen.page.locator('.wide-figure [stroke="#0072b2"]').first
    assert stroke.evaluate("each => getComputedStyle(each).stroke") == "rgb(75, 163, 219)"


def test_pages_print_whole(seen, pages):
    opened(seen, pages["svg"])
    printed = seen.page.pdf()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 3


def test_links_lead_to_each_study(seen, pages):
    opened(seen, pages["several"])
    links = seen.page.locator("nav a")
    assert links.all_inner_texts() == ["quick: helps", "second: helps"]
    links.nth(1).click()
    assert seen.page.url.endswith("#study-2")
    assert seen.page.locator("#study-2").is_visible()
    assert seen.complaints == []
