"""The chosen model as Python source."""

from types import SimpleNamespace

import pytest

from search.errors import UsageError
from search.reporting.exports import EXPORTS
from search.spec import ModelSection, TrainingSection


@pytest.mark.parametrize("own", [{"keras": "net.keras"}, {"builder": "net.py:build"}])
def test_users_own_model_is_refused(own):
    chosen = SimpleNamespace(spec=SimpleNamespace(model=ModelSection(**own)))
    with pytest.raises(UsageError) as caught:
        EXPORTS["python"].render(chosen)
    (received,) = own.values()
    assert str(caught.value) == (
        f'--format: expected a model of a family for "python", received {received}. '
        "Use --format keras: the trained model as a file."
    )


def test_loss_of_ones_own_is_refused():
    training = TrainingSection(loss="losses.py:mine")
    chosen = SimpleNamespace(spec=SimpleNamespace(model=ModelSection(family="mlp", hidden=(3,)), training=training))
    with pytest.raises(UsageError) as caught:
        EXPORTS["python"].render(chosen)
    assert str(caught.value) == (
        '--format: expected a loss of Keras for "python", received losses.py:mine. '
        "Use --format keras: the trained model as a file."
    )
