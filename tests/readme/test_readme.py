"""What the README says is what the program does."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from search.cli import cli
from search.preparation.catalogue import default_catalogue
from search.preparation.files import prepare_study
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


KERAS_TUNER = (HERE.parents[1] / "studies" / "from_keras_tuner.md").read_text(encoding="utf-8")


def test_page_for_those_who_come_from_keras_tuner_shows_a_study_that_can_run(tmp_path):
    _, builder = re.findall(r"```python\n(.*?)```", KERAS_TUNER, re.S)
    (study,) = re.findall(r"```toml\n(.*?)```", KERAS_TUNER, re.S)
    (tmp_path / "net.py").write_text(builder)
    (tmp_path / "study.toml").write_text(study)
    prepared = prepare_study(str(tmp_path / "study.toml"))
    assert len(prepared.plan.saved.variants) == 12
    baseline = prepared.space.configuration(prepared.space.baseline())
    assert baseline == {"model.options.depth": 2, "model.options.width": 64, "training.learning_rate": 1e-3}


def test_settings_that_the_pages_name_are_known(tmp_path):
    """Each key of [model] and each name of [space] of the section on architecture, in one study."""
    (text,) = re.findall(r"```toml\n(\[model\]\nbuilder.*?)```", README, re.S)
    whole = (
        '[study]\nname = "s"\nn_trials = 9\n[data]\nsource = "sklearn.load_digits"\n'
        '[training]\nschedule = { name = "cosine_decay", decay_steps = 500, warmup_target = 1e-3, warmup_steps = 90 }\n'
    )
    spec = parse_study(whole + text, "README.md", default_catalogue())
    assert spec.model.options == {"width": 64}
    assert {"model.options.depth", "model.hidden_1.units", "model.block.repeat"} < set(spec.space)
