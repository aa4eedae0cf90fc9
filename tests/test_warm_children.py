"""Children are forked where a started one would import the same, and started where it would not."""

import pytest

from tests.warm_children import _imports_environment


def test_what_training_sets_changes_nothing_that_a_child_imports():
    set_by_training = {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_FLAGS": "--xla_cpu_prefer_vector_width=512",
        "TF_XLA_FLAGS": "--tf_xla_persistent_cache_directory=ram://programs",
    }
    assert _imports_environment({"HOME": "/", **set_by_training}) == _imports_environment({})


@pytest.mark.parametrize("name", ["KERAS_BACKEND", "PYTHONPATH", "PYTHONOPTIMIZE", "TF_ENABLE_ONEDNN_OPTS"])
def test_another_environment_of_imports_is_told_apart(name):
    assert _imports_environment({name: "another"}) != _imports_environment({})
