"""A folder of pictures for each class, as Keras reads such folders."""

import struct

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from search.data.sources import image_folder
from search.data.sources.picture_sizes import count_pixels


@pytest.fixture
def folder(tmp_path):
    """Pictures of three sizes, in color and gray, of two classes."""
    import tensorflow as tf

    generator = np.random.default_rng(0)
    for number, (label, height, width, channels) in enumerate(
        [("cat", 8, 8, 3), ("cat", 6, 10, 3), ("dog", 9, 5, 1), ("dog", 8, 8, 3), ("dog", 20, 20, 3)]
    ):
        (tmp_path / "photos" / label).mkdir(parents=True, exist_ok=True)
        picture = generator.integers(0, 256, (height, width, channels), dtype=np.uint8)
        (tmp_path / "photos" / label / f"{number}.png").write_bytes(tf.io.encode_png(picture).numpy())
    (tmp_path / "photos" / "cat" / "notes.txt").write_text("no picture")
    (tmp_path / "photos" / "empty").mkdir()
    return tmp_path / "photos"


@pytest.mark.parametrize(("shape", "color"), [((7, 6, 3), "rgb"), ((7, 6, 1), "grayscale"), ((7, 6), "grayscale")])
def test_pictures_are_those_that_keras_reads(folder, read, shape, color):
    import keras

    dataset = read(source="images", path="photos", shape=shape)
    assert dataset.classes == ("cat", "dog")
    assert dataset.target.tolist() == [0, 0, 1, 1, 1]
    assert dataset.features.shape == (5, *shape)
    theirs = keras.utils.image_dataset_from_directory(
        folder,
        color_mode=color,
        image_size=(7, 6),
        shuffle=False,
        batch_size=None,
        class_names=["cat", "dog"],
        verbose=0,
    )
    for mine, (picture, _) in zip(dataset.features, theirs.as_numpy_iterator(), strict=True):
        np.testing.assert_allclose(mine.reshape(picture.shape) * 255, picture, atol=0.51)
    assert [int(label) for _, label in theirs.as_numpy_iterator()] == dataset.target.tolist()


def test_picture_that_is_broken_is_named(folder, refusal):
    (folder / "dog" / "9.jpg").write_bytes(b"no picture")
    (told,) = refusal(source="images", path="photos", shape=(7, 6, 3))
    assert told.startswith(
        '[data]: expected a picture in "dog/9.jpg", received another file: Unknown image file format.'
    )
    assert told.endswith("Take it out of the folder, or repair it.")


def test_picture_that_is_far_larger_inside_is_not_unpacked(folder, refusal):
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    (folder / "dog" / "9.png").write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header)
    assert refusal(source="images", path="photos", shape=(7, 6, 3)) == [
        '[data]: expected pictures of at most 134,217,728 pixels, received "dog/9.png" of 2,500,000,000. '
        "Take it out of the folder, or save it smaller."
    ]


def test_pixels_are_counted_as_tensorflow_reads_them():
    import tensorflow as tf

    picture = np.zeros((7, 5, 3), np.uint8)
    written = [tf.io.encode_png(picture), tf.io.encode_jpeg(picture), tf.io.encode_jpeg(picture, format="rgb")]
    contents = [each.numpy() for each in written]
    contents += [b"GIF89a" + struct.pack("<HH", 5, 7), b"BM" + bytes(16) + struct.pack("<ii", 5, -7)]
    assert [count_pixels(content) for content in contents] == [35] * 5


@hypothesis.given(
    content=st.binary(max_size=60),
    start=st.sampled_from([b"", b"\x89PNG", b"GIF8", b"BM", b"\xff\xd8", b"\xff\xd8\xff\xff"]),
)
def test_any_bytes_have_some_number_of_pixels(content, start):
    assert count_pixels(start + content) >= 0


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"path": "nowhere"}, 'expected path to name a folder with a folder for each class, received "nowhere"'),
        (
            {"path": "photos/cat"},
            "expected folders of pictures (.jpg, .jpeg, .png, .bmp, .gif) for two classes at least",
        ),
        ({"shape": None}, "expected shape = [height, width, 3], or 1 or nothing for gray, received none"),
        ({"shape": (8, 8, 2)}, "expected shape = [height, width, 3], or 1 or nothing for gray, received [8, 8, 2]"),
        ({"shape": (40_000, 40_000, 3)}, "expected pictures of 2 GiB in all, received 5 of 4,800,000,000 bytes"),
    ],
)
def test_folder_that_cannot_be_read_is_refused(folder, refusal, section, problem):
    (told,) = refusal(source="images", **{"path": "photos", "shape": (7, 6, 3)} | section)
    assert problem in told


def test_endings_are_those_that_keras_takes():
    from keras.src.utils import image_dataset_utils

    assert set(image_folder.ENDINGS) == set(image_dataset_utils.ALLOWLIST_FORMATS)
