"""Models that take text train on what their own layers make of it, and take text again when they are done."""

import csv
import functools

import numpy as np
import pytest
from click.testing import CliRunner

from search import Configuration, Launch, open_storage, prepare_study, run_study
from search.cli import cli
from search.errors import StudyFileError
from search.followup.refit import train_final

GOOD, BAD = ["great", "lovely", "superb", "fine"], ["dull", "awful", "weak", "boring"]
OTHERS = ["film", "was", "and", "with", "a", "story", "actors", "it", "scene", "plot", "music"]
PLACES = ("oslo", "paris", "rome")


@pytest.fixture(scope="module")
def rows():
    """Reviews, where they are from, two numbers, and whether they praise."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 120)
    reviews = []
    for praises in y:
        words = [*rng.choice(OTHERS, rng.integers(3, 9)), rng.choice(GOOD if praises else BAD)]
        reviews.append(" ".join(rng.permutation(words)))
    numbers = rng.normal(size=(120, 2)).astype(np.float32)
    return {"review": np.array(reviews), "place": rng.choice(PLACES, 120), "n": numbers, "y": y}


@pytest.fixture(scope="module")
def folder(keras, rows, tmp_path_factory):
    """Models of text, and rows for them as arrays and as tables."""
    path, layers = tmp_path_factory.mktemp("texts"), keras.layers
    keras.utils.set_random_seed(2)

    def reader(**told):
        layer = layers.TextVectorization(name="reader", **told)
        layer.adapt(rows["review"])
        return layer

    def chain(first, *rest):
        return keras.Sequential([keras.Input((1,), dtype="string"), first, *rest, layers.Dense(1, "sigmoid")])

    words = reader(max_tokens=40, output_sequence_length=10)
    pooled = layers.Embedding(40, 4, mask_zero=True, name="words"), layers.GlobalAveragePooling1D()
    chain(words, *pooled).save(path / "words.keras")
    chain(reader(output_mode="tf_idf"), layers.Dense(6, "relu", name="hidden")).save(path / "counts.keras")
    review, place = (keras.Input((1,), dtype="string", name=name) for name in ("review", "place"))
    numbers = keras.Input((2,), name="n")
    looked_up = layers.StringLookup(vocabulary=list(PLACES), output_mode="one_hot", name="lookup")(place)
    read = reader(max_tokens=40, output_sequence_length=10)(review)
    told = layers.GRU(5, name="memory")(layers.Embedding(40, 4, name="words")(read))
    joined = layers.Concatenate()([numbers, told, looked_up])
    outcome = layers.Dense(1, "sigmoid", name="outcome")(joined)
    keras.Model([review, place, numbers], outcome).save(path / "mixed.keras")
    np.savez(path / "words.npz", x=rows["review"], y=rows["y"])
    arrays = {f"x_{name}": rows[name] for name in ("review", "place", "n")}
    np.savez(path / "mixed.npz", y=rows["y"], **arrays)
    answers = np.where(rows["y"], "praise", "blame")
    with (path / "mixed.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["review", "place", "a", "b", "answer"])
        writer.writerows(zip(rows["review"], rows["place"], *rows["n"].T, answers, strict=True))
    (path / "rows.py").write_text(
        "import numpy as np\ndef rows():\n    d = np.load('words.npz')\n    return list(d['x']), d['y']\n"
    )
    return path


STUDY = """
[study]
name = "{name}"
n_trials = 2
[data]
{data}
[split]
test = 0
[model]
keras = "{model}.keras"
weights = "saved"
[training]
epochs = 12
batch_size = 128
learning_rate = 0.05
engine = "{engine}"
[confirm]
finalists = 0
[space]
l2 = {{ choices = [0.001] }}
"""
TABLE = """source = "csv"
path = "mixed.csv"
target = "answer"
"""
DATA = {
    "words": 'source = "npz"\npath = "words.npz"',
    "counts": 'source = "npz"\npath = "words.npz"',
    "mixed": 'source = "npz"\npath = "mixed.npz"',
    "function": 'source = "rows.py:rows"',
    "table": TABLE + 'inputs = { review = ["review"], place = ["place"], n = ["a", "b"] }',
    "column": TABLE + 'columns = ["review"]',
}
MODELS = {"function": "words", "table": "mixed", "column": "words"}


@pytest.fixture(scope="module")
def write(folder):
    """A function that writes the study of some data; its path."""

    def write_study(name, engine="compiled", **changes):
        path = folder / f"{name}_{engine}.toml"
        model = changes.get("model", MODELS.get(name, name))
        path.write_text(STUDY.format(name=name, data=DATA[name], model=model, engine=engine))
        return path

    return write_study


@pytest.fixture(scope="module")
def run(write, folder):
    """A function that runs a study in this process; the storage's URL, the prepared study and its trials."""

    @functools.cache
    def run_study_of(name, engine="compiled"):
        url, prepared = f"sqlite:///{folder}/{name}_{engine}.db", prepare_study(str(write(name, engine)))
        with open_storage(url, create=True) as storage:
            record = run_study(prepared, storage, Launch(n_jobs=0))
            return url, prepared, storage.trials(record.study_id)

    return run_study_of


def strings(rows, name):
    import tensorflow as tf

    return tf.constant(rows[name])[:, None] if rows[name].dtype.kind == "U" else tf.constant(rows[name])


@pytest.mark.parametrize("name", ["words", "counts", "mixed"])
def test_training_is_that_of_keras_with_text(keras, folder, rows, run, name):
    """All rows in one batch, so that their order does not matter."""
    _, prepared, trials = run(name)
    fold = prepared.plan.folds[0]
    train = np.union1d(fold.train, fold.stop)
    model = keras.models.load_model(folder / f"{name}.keras", compile=False)
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    names = ("review", "place", "n") if name == "mixed" else ("review",)
    import tensorflow as tf

    def batch(places):
        picked = [tf.gather(strings(rows, each), places) for each in names]
        return picked if len(picked) > 1 else picked[0]

    data = tf.data.Dataset.from_tensors(
        (tuple(batch(train)) if name == "mixed" else batch(train), rows["y"][train][:, None])
    )
    model.fit(data, epochs=12, verbose=0, shuffle=False)
    predicted = np.asarray(model(batch(fold.validation)))[:, 0]
    target = rows["y"][fold.validation]
    log_loss = -np.log(np.where(target == 1, predicted, 1 - predicted)).mean()
    assert trials[0].score == pytest.approx(log_loss, rel=2e-3)


@pytest.mark.parametrize("name", DATA)
def test_every_source_of_text_is_trained_and_exported(keras, rows, run, tmp_path, folder, name):
    url, _, trials = run(name)
    assert trials[0].score < 0.62  # a constant guess scores 0.69
    path = tmp_path / "model.keras"
    export = CliRunner().invoke(cli, ["export", name, "--storage", url, "--format", "keras", "-o", str(path)])
    assert export.exit_code == 0, export.output
    loaded = keras.models.load_model(path, compile=False)
    if MODELS.get(name, name) == "mixed":
        predicted = np.asarray(loaded({each: strings(rows, each) for each in ("review", "place", "n")}))[:, 0]
    else:
        predicted = np.asarray(loaded(strings(rows, "review")))[:, 0]
    assert ((predicted > 0.5) == rows["y"]).mean() > 0.8
    given = folder / (
        "mixed.csv" if name in ("table", "column") else f"{MODELS.get(name, name)}.npz".replace("counts", "words")
    )
    done = CliRunner().invoke(cli, ["predict", str(path), str(given), "-o", str(tmp_path / "p.csv")])
    assert done.exit_code == 0, done.output
    with (tmp_path / "p.csv").open() as stream:
        told = list(csv.DictReader(stream))
    second = "probability_praise" if name in ("table", "column") else "probability_1"
    np.testing.assert_allclose([float(row[second]) for row in told], predicted, rtol=1e-4, atol=1e-6)


def test_text_of_open_length_is_filled_up_and_cut(keras, rows, folder, write, tmp_path):
    layers = keras.layers
    reader = layers.TextVectorization(name="reader", vocabulary=[*GOOD, *BAD, *OTHERS])
    net = [keras.Input((1,), dtype="string"), reader, layers.Embedding(30, 3), layers.GlobalAveragePooling1D()]
    keras.Sequential([*net, layers.Dense(1, "sigmoid")]).save(folder / "open.keras")
    prepared = prepare_study(str(write("words", model="open")))
    longest = max(len(text.split()) for text in rows["review"])
    assert prepared.plan.dataset.features.shape == (120, longest)
    assert any(
        note.startswith(f"reader has no output_sequence_length: texts are filled up to the {longest}")
        for note in prepared.notes
    )
    model = train_final(prepared, Configuration())
    few, many = (np.asarray(model(keras.ops.convert_to_tensor([[" ".join(["lovely"] * n)]]))) for n in (longest, 40))
    np.testing.assert_allclose(few, many)


def test_engines_agree_on_text(run):
    scores = [run("mixed", engine)[2][1].score for engine in ("compiled", "graph", "fit")]
    np.testing.assert_allclose(scores, scores[0], rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "model", "expected"),
    [
        ("words", "mixed", 'expected text for "review", "place", which the model takes, received "x"'),
        ("mixed", "words", "which the model takes, received"),
        ("column", "mixed", 'expected text for "review", "place", which the model takes, received no input'),
    ],
)
def test_text_that_does_not_fit_the_model_is_refused(write, name, model, expected):
    with pytest.raises(StudyFileError) as caught:
        prepare_study(str(write(name, model=model)))
    assert expected in str(caught.value)


def test_text_for_a_model_of_numbers_is_refused(folder, keras, write):
    keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "sigmoid")]).save(folder / "numbers.keras")
    with pytest.raises(StudyFileError) as caught:
        prepare_study(str(write("words", model="numbers")))
    assert 'expected text for no input, which the model takes, received "' in str(caught.value)


def test_layer_that_has_no_vocabulary_is_named(folder, keras, write):
    layers = keras.layers
    reader = layers.StringLookup(vocabulary=["a"], num_oov_indices=0, output_mode="one_hot", name="looked")
    keras.Sequential([keras.Input((1,), dtype="string"), reader, layers.Dense(1, "sigmoid")]).save(
        folder / "strict.keras"
    )
    with pytest.raises(StudyFileError) as caught:
        prepare_study(str(write("words", model="strict")))
    assert "expected looked to make numbers of text, received" in str(caught.value)


def test_text_that_two_layers_read_is_refused(folder, keras, write):
    layers, text = keras.layers, keras.Input((1,), dtype="string", name="text")
    one, two = (layers.StringLookup(vocabulary=["a"], output_mode="one_hot", name=name)(text) for name in ("p", "q"))
    outcome = layers.Dense(1, "sigmoid")(layers.Concatenate()([one, two]))
    keras.Model(text, outcome).save(folder / "twice.keras")
    with pytest.raises(StudyFileError) as caught:
        prepare_study(str(write("words", model="twice")))
    assert "expected one layer that makes numbers of the text input text, received p, q" in str(caught.value)


def test_other_vocabulary_is_another_model(folder, keras):
    from search.models import read_saved

    prints = set()
    for vocabulary in (["a", "b"], ["a", "c"]):
        layer = keras.layers.TextVectorization(output_sequence_length=3, name="reader", vocabulary=vocabulary)
        net = [keras.Input((1,), dtype="string"), layer, keras.layers.Embedding(5, 2, name="e"), keras.layers.Flatten()]
        keras.Sequential([*net, keras.layers.Dense(1, name="d")]).save(folder / "some.keras")
        prints.add(read_saved((folder / "some.keras").read_bytes(), "[model]").sha256)
    assert len(prints) == 2
