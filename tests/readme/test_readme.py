"""What the README says is what the program does."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from search.cli import cli
from search.preparation.catalogue import default_catalogue
from search.spec import parse_study

HERE = Path(__file__).parent
README = (HERE.parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def generate():
    spec = importlib.util.spec_from_file_location("generate", HERE / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_help_texts_are_those_of_the_commands(generate):
    assert generate.with_help(README) == README, "run `uv run python tests/readme/generate.py`"


def test_every_command_is_documented():
    documented = re.findall(r"^### regsearch (\S+)$", README, re.M)
    assert documented == list(cli.commands)


def test_study_file_of_the_readme_is_valid():
    (text,) = re.findall(r"```toml\n(\[study\].*?)```", README, re.S)
    spec = parse_study(text, "README.md", default_catalogue())
    assert spec.study.name == "sonar"
    assert tomllib.loads(text)["data"]["target"] == "label"


def test_commands_that_set_everything_up_stand_in_the_readme():
    assert "```sh\npip install uv && uv run regsearch run moons\n```" in README
    assert "```sh\nuv run pytest\n```" in README
