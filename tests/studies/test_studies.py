"""The shipped studies and the page that tells what they found."""

import importlib.util
import json
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from search.preparation.files import prepare_study
from search.preparation.shipped import shipped_studies
from search.techniques import TECHNIQUES

HERE = Path(__file__).parent
STUDIES = shipped_studies()
FIGURES = HERE.parents[1] / "studies" / "figures"
DOWNLOADED = {"mnist_ablation"}


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("page", HERE / "page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_that_of_the_code_the_studies_and_their_results(page):
    assert page.PAGE.read_text(encoding="utf-8") == page.render_page(), "run `uv run python tests/studies/page.py`"


@pytest.mark.parametrize("name", STUDIES)
def test_study_opens_with_its_question_its_source_its_cost_and_its_lesson(page, name):
    lines = STUDIES[name].read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    assert all(line.startswith("# ") for line in lines)
    labels = [line.split(":")[0] for line in lines if not line.startswith("#  ")]
    assert labels == ["# Question", "# Source", "# Cost", "# Lesson"]
    assert page.comment("\n".join(lines), "Lesson")


@pytest.mark.parametrize("name", sorted(STUDIES.keys() - DOWNLOADED))
def test_study_fits_its_data(name):
    prepared = prepare_study(name)
    assert prepared.spec.study.name == name


@pytest.mark.parametrize("name", sorted(name for name in STUDIES if name.startswith("moons_")))
def test_moons_studies_share_data_split_model_and_training(name):
    grid, other = (tomllib.loads(STUDIES[one].read_text(encoding="utf-8")) for one in ("moons_grid", name))
    for table in ("data", "split", "model", "training"):
        assert other[table] == grid[table]


def test_every_study_was_run_for_real():
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    assert list(results) == sorted(STUDIES)
    assert all(result["rows"] for result in results.values())


@pytest.mark.parametrize("name", STUDIES)
def test_study_has_its_figure(name):
    figure = ET.fromstring((FIGURES / f"{name}.svg").read_text(encoding="utf-8"))
    assert figure.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(list(figure.iter("{http://www.w3.org/2000/svg}text"))) > 5


def test_every_technique_has_a_study_that_searches_it():
    spaces = [tomllib.loads(path.read_text(encoding="utf-8"))["space"] for path in STUDIES.values()]
    searched = {name.rpartition(".")[2] for space in spaces for name in space}
    assert searched >= set(TECHNIQUES)
