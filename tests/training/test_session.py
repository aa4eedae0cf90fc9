import os

import pytest

from search.training.session import _xla_flags, keep_small_loops_apart, processor_features

WIDE = "--xla_cpu_prefer_vector_width=512"
SMALL = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1048576"
OWN = "--xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters"


@pytest.mark.parametrize(
    ("given", "features", "expected"),
    [
        ("", {"avx2", "avx512f", "avx512_bf16"}, f"{WIDE} {SMALL}"),
        ("--xla_dump_to=here", {"avx512_bf16"}, f"--xla_dump_to=here {WIDE} {SMALL}"),
        ("", {"avx2", "avx512f"}, SMALL),
        ("--xla_cpu_prefer_vector_width=256", {"avx512_bf16"}, f"--xla_cpu_prefer_vector_width=256 {SMALL}"),
        (OWN, {"avx512_bf16"}, f"{OWN} {WIDE}"),
    ],
)
def test_small_loops_are_kernels_and_vectors_wide_where_processors_keep_their_clock(given, features, expected):
    assert _xla_flags(given, frozenset(features)) == expected.strip()


def test_processor_tells_its_features():
    assert all(name.isascii() for name in processor_features())


def test_one_operation_at_a_time(keras):
    import tensorflow as tf

    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    assert tf.config.threading.get_inter_op_parallelism_threads() == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "threshold=1024"),
        ("--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1048576", "threshold=1024"),
        ("--xla_backend_extra_options=mine", "--xla_backend_extra_options=mine"),
    ],
)
def test_loops_of_recurrent_nets_stay_apart_unless_the_user_says_otherwise(monkeypatch, given, expected):
    monkeypatch.setenv("XLA_FLAGS", given)
    keep_small_loops_apart()
    assert expected in os.environ["XLA_FLAGS"]
    assert "1048576" not in os.environ["XLA_FLAGS"]


def test_plan_knows_whether_its_net_has_recurrent_layers(make_plan):
    assert make_plan(shape=(6, 6), model={"family": "lstm", "units": (5,)}).has_recurrent_layers
    assert not make_plan().has_recurrent_layers
