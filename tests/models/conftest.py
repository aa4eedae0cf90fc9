"""Keras, set up once for all tests of models as a worker sets it up."""

import pytest


@pytest.fixture(scope="session")
def keras():
    from search.training.session import start_tensorflow

    start_tensorflow()
    import keras

    return keras
