"""Whatever bytes a `.keras` file holds, the answer is a sentence; no memory is taken before it is known for what."""

import copy
import io
import json
import random
import tracemalloc
import zipfile

import hypothesis
import pytest
from hypothesis import strategies as st

from search.errors import StudyFileError
from search.models import Architecture, Loss, count_weights, read_saved
from search.models.saved import SavedModel
from search.preparation.files import prepare_study
from search.techniques import Part

PLACE = "x.toml:4 [model]"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def told(archive):
    """What is said of an archive: the sentence that refuses it, or the model."""
    try:
        return read_saved(archive, PLACE)
    except StudyFileError as error:
        text = str(error)
        assert text.startswith(f"{PLACE}: expected ")
        assert "received" in text
        return text


def with_members(archive, **members):
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as before, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(name, members.get(name.partition(".")[0], before.read(name)))
    return content.getvalue()


def config_of(archive):
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        return json.loads(members.read("config.json"))


def places(node, path=()):
    """Every place in a document."""
    yield path
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield from places(value, (*path, key))


@hypothesis.given(data=st.data(), number=st.integers(0, 4), value=ANYTHING, deleted=st.booleans())
@hypothesis.settings(max_examples=300, deadline=None)
def test_configuration_with_anything_at_any_place_is_read_or_refused(archives, data, number, value, deleted):
    config = config_of(archives[number])
    path = data.draw(st.sampled_from([place for place in places(config) if place]))
    changed = copy.deepcopy(config)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    if deleted:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    told(with_members(archives[number], config=json.dumps(changed)))


@hypothesis.given(seed=st.integers(0, 10**9), number=st.integers(0, 4), count=st.sampled_from([1, 4, 64]))
@hypothesis.settings(max_examples=200, deadline=None)
def test_flipped_bytes_are_read_or_refused(archives, seed, number, count):
    rng, content = random.Random(seed), bytearray(archives[number])
    for _ in range(count):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    told(bytes(content))


@hypothesis.given(length=st.integers(0, 400), number=st.integers(0, 4))
@hypothesis.settings(max_examples=60, deadline=None)
def test_cut_files_are_refused(archives, length, number):
    assert isinstance(told(archives[number][:length]), str)


def test_document_that_is_too_deep_is_refused(archives):
    deep = "[" * 200_000 + "]" * 200_000
    assert isinstance(told(with_members(archives[0], config=deep)), str)
    config = config_of(archives[0])
    inner = config["config"]["layers"][1]["config"]
    for _ in range(300):
        inner["more"] = {}
        inner = inner["more"]
    told(with_members(archives[0], config=json.dumps(config)))


@pytest.mark.parametrize(("member", "words"), [
    ("config", "expected a config.json of at most 64 MiB, received one of 300 MiB"),
    ("model", "expected an archive that is about as large inside as outside, received"),
])  # fmt: skip
def test_archive_that_is_far_larger_inside_is_refused_before_it_is_unpacked(archives, member, words):
    bomb = with_members(archives[0], **{member: b" " * (300 * 2**20)})
    assert len(bomb) < 2**20
    tracemalloc.start()
    try:
        assert words in told(bomb)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [-5, 0, "x", 2.5, True])
def test_sizes_that_no_layer_has_are_refused(archives, size):
    config = config_of(archives[0])
    layer = next(each for each in config["config"]["layers"] if each["config"].get("name") == "first")
    layer["config"]["units"] = size
    words = told(with_members(archives[0], config=json.dumps(config)))
    assert words == (f"{PLACE}: expected units of layer first to be a whole number of at least 1, received {size!r}.")


def test_untouched_archives_are_read(archives):
    assert all(isinstance(told(archive), SavedModel) for archive in archives)


def test_weights_are_counted_as_keras_counts_kernels(keras):
    model = keras.Sequential([
        keras.Input((8, 8, 2)), keras.layers.Conv2D(3, 3, use_bias=False), keras.layers.Flatten(),
        keras.layers.Dense(7, use_bias=False), keras.layers.Reshape((7, 1)), keras.layers.LSTM(4, use_bias=False),
        keras.layers.Dense(2, use_bias=False),
    ])  # fmt: skip
    layers = (
        Part("layers.Conv2D", {"name": "a", "filters": 3, "kernel_size": 3, "padding": "valid"}),
        Part("layers.Flatten", {"name": "b"}), Part("layers.Dense", {"name": "c", "units": 7}),
        Part("layers.Reshape", {"name": "d", "target_shape": (7, 1)}), Part("layers.LSTM", {"name": "e", "units": 4}),
        Part("layers.Dense", {"name": "f", "units": 2}),
    )  # fmt: skip
    counted = count_weights(Architecture("x", {"rows": (8, 8, 2)}, layers, Loss("categorical_crossentropy")))
    kernels = sum(weight.shape.num_elements() for weight in model.weights)
    # A convolution's edges are not taken off: 64 places instead of 36 enter the first dense layer.
    assert counted == kernels + (64 - 36) * 3 * 7


@pytest.mark.parametrize(("overrides", "words"), [
    (["model.hidden=[1000000000]"], "expected a model whose training fits into"),
    (
        ["split.validation.repeats=1000000000"],
        "expected a whole number of at least 1 and of at most 1000, received 1000000000",
    ),
    (["data.options.n_samples=100000000000"], "expected at most"),
])  # fmt: skip
def test_study_that_asks_for_more_than_there_is_is_refused_at_once(overrides, words):
    with pytest.raises(Exception, match=words) as caught:
        prepare_study("moons", overrides)
    assert caught.value.exit_code == 2
