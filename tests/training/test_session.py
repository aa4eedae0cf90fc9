import pytest

from search.training.session import _processor_features, _xla_flags

WIDE = "--xla_cpu_prefer_vector_width=512"


@pytest.mark.parametrize(
    ("given", "features", "expected"),
    [
        ("", {"avx2", "avx512f", "avx512_bf16"}, WIDE),
        ("--xla_dump_to=here", {"avx512_bf16"}, f"--xla_dump_to=here {WIDE}"),
        ("", {"avx2", "avx512f"}, ""),
        ("--xla_cpu_prefer_vector_width=256", {"avx512_bf16"}, "--xla_cpu_prefer_vector_width=256"),
    ],
)
def test_wide_vectors_are_for_processors_that_keep_their_clock(given, features, expected):
    assert _xla_flags(given, frozenset(features)) == expected


def test_processor_tells_its_features():
    assert all(name.isascii() for name in _processor_features())


def test_one_operation_at_a_time(keras):
    import tensorflow as tf

    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    assert tf.config.threading.get_inter_op_parallelism_threads() == 1
