"""Callbacks of the user's own are called by Keras' loop, in every run, and travel as the text of their file."""

import textwrap
from dataclasses import replace

import numpy as np
import pytest

from search.data import SourceFunction
from search.errors import DataError, StudyFileError
from search.preparation.files import prepare_study
from search.records import Configuration
from search.training.engines import keep_going

CODE = """
    import keras

    def still():
        return keras.callbacks.LearningRateScheduler(lambda epoch: 0.0 if epoch >= 2 else 0.1)

    class Noting(keras.callbacks.Callback):
        seen = []

        def on_epoch_end(self, epoch, logs=None):
            Noting.seen.append((epoch, sorted(logs)))

    def several():
        return [Noting(), keras.callbacks.EarlyStopping(monitor="loss", patience=0, min_delta=1e9)]

    def wrong():
        return 3
"""


def function(name):
    return SourceFunction("mine.py", name, textwrap.dedent(CODE))


def test_callback_changes_how_a_run_is_trained(make_plan, make_run, train_stages):
    plan = replace(make_plan(epochs=6), callbacks=(function("still"),))
    outcome = train_stages(plan, make_run(), "fit", keep_going)
    loss = outcome.curve.validation_loss
    assert len(set(np.round(loss[:2], 6))) == 2
    np.testing.assert_allclose(loss[2:], loss[1], rtol=1e-6)


def test_callbacks_see_the_rows_that_stop_and_may_stop_a_run(make_plan, make_run, train_stages):
    several = function("several")
    plan = replace(make_plan(epochs=6), callbacks=(several,))
    run = replace(make_run(), configuration=Configuration({"patience": 5}))
    outcome = train_stages(plan, run, "fit", keep_going)
    seen = several.load().__globals__["Noting"].seen
    assert outcome.curve.n_epochs == 2
    assert [epoch for epoch, _ in seen] == [0, 1]
    assert {"loss", "val_loss"} <= set(seen[0][1])


def test_class_of_callbacks_is_made_anew_for_each_run(make_plan, make_run, train_stages):
    noting = SourceFunction("mine.py", "Noting", textwrap.dedent(CODE) + "\n# a file of its own\n")
    plan = replace(make_plan(epochs=3), callbacks=(noting,))
    assert train_stages(plan, make_run(), "fit", keep_going).curve.n_epochs == 3
    assert [epoch for epoch, _ in noting.load().seen] == [0, 1, 2]


def test_what_is_no_callback_fails_the_run_in_words(make_plan, make_run, session):
    result = session.train(replace(make_plan(), callbacks=(function("wrong"),)), make_run())
    assert result.error == "TypeError: expected mine.py:wrong to return a Keras callback, received int"


STUDY = """
[study]
name = "s"
n_trials = 2
[data]
source = "sklearn.load_digits"
[model]
family = "mlp"
hidden = [4]
[training]
callbacks = ["{named}"]
{more}
[space]
l2 = {{ choices = [0.1] }}
"""


@pytest.fixture
def prepare(tmp_path):
    def prepare_it(named="mine.py:still", more="", code=CODE):
        (tmp_path / "mine.py").write_text(textwrap.dedent(code))
        (tmp_path / "s.toml").write_text(STUDY.format(named=named, more=more))
        return prepare_study(str(tmp_path / "s.toml"))

    return prepare_it


def test_study_reads_its_callbacks_and_knows_them_again(prepare):
    prepared = prepare()
    assert [each.name for each in prepared.plan.callbacks] == ["still"]
    assert prepared.facts.callbacks_sha256 == prepare().facts.callbacks_sha256
    assert prepared.facts.callbacks_sha256 != prepare(code=CODE + "    # changed\n").facts.callbacks_sha256


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"named": "mine.py"}, 'expected "FILE.py:function" for each callback, received "mine.py"'),
        ({"named": "none.py:still"}, 'expected callbacks to name a file, received "none.py": no such file'),
        ({"more": 'engine = "compiled"'}, 'expected engine = "fit" beside callbacks, received "compiled"'),
    ],
)
def test_callbacks_that_cannot_be_called_are_refused(prepare, given, problem):
    with pytest.raises((StudyFileError, DataError)) as caught:
        prepare(**given)
    assert problem in str(caught.value)
