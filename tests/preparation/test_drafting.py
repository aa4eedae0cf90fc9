"""What `regsearch init` writes: studies that pass the check, with techniques that suit the layers found."""

import re
import tomllib

import numpy as np
import pytest

from search.errors import DataError, StudyFileError, UsageError
from search.preparation.catalogue import default_catalogue
from search.preparation.drafted_data import Draft
from search.preparation.drafting import draft_study
from search.preparation.files import prepare_study
from search.spec import Choices, read_study, spec_to_toml


@pytest.fixture
def table(tmp_path):
    """A CSV of 60 rows, 4 numeric columns, a text column and a label."""
    rng = np.random.default_rng(0)
    rows = [
        f"{a:.3f},{b:.3f},{c:.3f},{d:.3f},{'red' if a > 0 else 'blue'},{int(b > 0)}"
        for a, b, c, d in rng.normal(size=(60, 4))
    ]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["a,b,c,d,color,the label", *rows]) + "\n")
    return path


@pytest.fixture
def make_archive(tmp_path):
    """A function that makes an NPZ of rows of a shape, with three classes or with numbers."""

    def make(n_rows, *shape, task="classification"):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(n_rows, *shape)).astype(np.float32)
        y = np.arange(n_rows) % 3 if task == "classification" else rng.normal(size=n_rows)
        path = tmp_path / "rows.npz"
        np.savez(path, x=x, y=y)
        return path

    return make


@pytest.fixture(scope="module")
def keras():
    from search.training.session import start_tensorflow

    start_tensorflow()
    import keras

    return keras


def draft(folder, model, data, *target, **more):
    """The text, written to the folder, and the tables that it holds; the study passes the check."""
    text = draft_study(Draft(folder, str(model), data, target, **more))
    path = folder / "study.toml"
    path.write_text(text)
    read_study(path, default_catalogue())
    prepare_study(str(path))
    return text, tomllib.loads(text)


def test_table_gets_a_dense_net_with_the_techniques_of_dense_layers(tmp_path, table):
    text, study = draft(tmp_path, "mlp", table, "the label", name="my study")
    assert text.startswith("# Question: which regularization makes mlp generalize?\n# Source: ")
    assert "\n# Cost: 60 trials of 5 runs of at most 200 epochs.\n# Every technique of [space] can be off" in text
    assert study["study"]["name"] == "my_study"
    assert study["data"]["path"] == "rows.csv"
    assert study["data"]["target"] == "the label"
    assert study["model"]["family"] == "mlp"
    assert list(study["space"]) == ["l2", "dropout", "label_smoothing", "patience"]
    assert study["space"]["patience"] == {"low": 10, "high": 50, "log": True}
    assert "# stops after so many epochs without improvement" in text


def test_few_rows_get_stronger_ranges_more_folds_and_more_trials(tmp_path, make_archive):
    drafts = [draft(tmp_path, "mlp", make_archive(n_rows, 5))[1] for n_rows in (600, 6_000, 60_000)]
    assert [study["space"]["l2"]["high"] for study in drafts] == [1e-1, 1e-2, 1e-3]
    assert [study["space"]["dropout"]["high"] for study in drafts] == [0.7, 0.5, 0.4]
    assert [study["study"]["n_trials"] for study in drafts] == [60, 40, 20]
    assert [study["split"]["validation"].get("folds") for study in drafts] == [5, 3, None]


@pytest.mark.parametrize(
    ("rarest", "test", "method", "stop"),
    [(20, 0.2, "kfold", 0.2), (5, 0.2, "holdout", 0.2), (4, 0, "holdout", 0.2), (2, 0, "kfold", "validation")],
)
def test_rows_are_split_as_finely_as_the_rarest_class_allows(tmp_path, rarest, test, method, stop):
    x = np.random.default_rng(0).normal(size=(60, 5))
    np.savez(tmp_path / "rows.npz", x=x, y=np.repeat([0, 1], [60 - rarest, rarest]))
    split = draft(tmp_path, "mlp", tmp_path / "rows.npz")[1]["split"]
    assert (split["test"], split["validation"]["method"], split["stop"]) == (test, method, stop)


def test_window_and_startup_trials_are_left_to_the_budget(tmp_path, table):
    text, _ = draft(tmp_path, "mlp", table, "the label")
    assert "window" not in text
    assert "n_startup_trials" not in text
    for n_trials, fitting in ((15, (3, 3)), (60, (8, 10))):
        study = prepare_study(str(tmp_path / "study.toml"), [f"study.n_trials={n_trials}"]).spec.study
        assert (study.window, study.n_startup_trials) == fitting


def test_regression_smooths_no_labels(tmp_path, make_archive):
    text, study = draft(tmp_path, "mlp", make_archive(60, 5, task="regression"))
    assert "label_smoothing" not in study["space"]
    assert study["objective"]["metric"] == "mse"
    assert "60 rows of rows.npz (a regression)" in " ".join(text.replace("\n# ", " ").split())


@pytest.mark.parametrize(("shape", "given"), [((8, 8), None), ((64,), [8, 8]), ((108,), [6, 6, 3])])
def test_cnn_gets_images_and_their_techniques(tmp_path, make_archive, shape, given):
    text, study = draft(tmp_path, "cnn", make_archive(90, *shape))
    assert study["data"].get("shape") == given
    assert list(study["space"]) == [
        "l2",
        "dense_1.dropout",
        "spatial_dropout",
        "rotation",
        "shift",
        "zoom",
        "label_smoothing",
        "patience",
    ]
    assert '"dense_1.dropout" = ' in text
    assert '\n# Where a mirrored image is still of its class, add: flip = { choices = ["horizontal"] }\n' in text


@pytest.mark.parametrize(("shape", "given"), [((8, 3), None), ((64,), [8, 8]), ((13,), [13, 1])])
def test_lstm_gets_sequences_and_the_techniques_of_recurrent_layers(tmp_path, make_archive, shape, given):
    study = draft(tmp_path, "lstm", make_archive(90, *shape))[1]
    assert study["data"].get("shape") == given
    assert list(study["space"]) == [
        "l2",
        "recurrent_l2",
        "dropout",
        "recurrent_dropout",
        "label_smoothing",
        "patience",
    ]


def test_saved_model_is_searched_by_its_own_layers_and_gets_rows_of_its_shape(tmp_path, make_archive, keras):
    layers = [
        keras.layers.Conv2D(4, 3, name="eyes"),
        keras.layers.Flatten(),
        keras.layers.Dense(5, name="thinks [hard]"),
        keras.layers.Dense(3, activation="softmax", name="says"),
    ]
    keras.Sequential([keras.Input((8, 8, 1)), *layers]).save(tmp_path / "net.keras")
    text, study = draft(tmp_path, tmp_path / "net.keras", make_archive(90, 64))
    assert study["model"] == {"keras": "net.keras", "weights": "fresh", "own": "keep"}
    assert study["data"]["shape"] == [8, 8, 1]
    assert list(study["space"])[:3] == ["l2", "thinks [[]hard].dropout", "spatial_dropout"]
    assert '"thinks [[]hard].dropout" = ' in text


def test_model_without_kernels_to_penalize_gets_weight_decay(tmp_path, make_archive, keras):
    x = keras.Input((6, 4))
    seen = keras.layers.MultiHeadAttention(2, 2)(x, x)
    answer = keras.layers.Activation("softmax")(keras.layers.EinsumDense("abc,bcd->ad", (3,))(seen))
    keras.Model(x, answer).save(tmp_path / "net.keras")
    study = draft(tmp_path, tmp_path / "net.keras", make_archive(90, 6, 4))[1]
    assert list(study["space"]) == ["weight_decay", "label_smoothing", "patience"]


def test_paths_are_relative_to_the_study_file(tmp_path, table, monkeypatch):
    (tmp_path / "studies").mkdir()
    monkeypatch.chdir(tmp_path)
    text = draft_study(Draft(tmp_path / "studies", "mlp", table.relative_to(tmp_path), ("the label",)))
    assert tomllib.loads(text)["data"]["path"] == "../rows.csv"


def test_images_of_a_table_are_scaled_for_a_family_and_left_to_a_saved_model(tmp_path, keras):
    rows = [",".join([*map(str, range(row, row + 16)), str(row % 2)]) for row in range(60)]
    path = tmp_path / "pixels.csv"
    path.write_text("\n".join([",".join([*(f"p{index}" for index in range(16)), "label"]), *rows]) + "\n")
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")]
    keras.Sequential([keras.Input((4, 4)), *layers]).save(tmp_path / "net.keras")
    drafts = [draft(tmp_path, model, path, "label")[1]["data"] for model in ("cnn", tmp_path / "net.keras")]
    assert [(data["shape"], data["standardize"]) for data in drafts] == [([4, 4], True), ([4, 4], False)]


def test_table_is_left_as_it_is_to_a_model_that_scales_it(tmp_path, keras):
    rows = [f"{row},{row * 2},{row % 2}" for row in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,label", *rows]) + "\n")
    scaling = keras.layers.Normalization(mean=[30.0, 60.0], variance=[300.0, 1200.0])
    for first, standardize in ((scaling, False), (keras.layers.Dense(3), True)):
        keras.Sequential([keras.Input((2,)), first, keras.layers.Dense(1, "sigmoid")]).save(tmp_path / "net.keras")
        study = draft(tmp_path, tmp_path / "net.keras", tmp_path / "rows.csv", "label")[1]
        assert study["data"]["standardize"] is standardize


def test_what_a_compiled_model_tells_of_its_training_stands_in_the_file(tmp_path, make_archive, keras):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    model.save(tmp_path / "net.keras")
    study = draft(tmp_path, tmp_path / "net.keras", make_archive(60, 5))[1]
    assert (study["training"]["optimizer"], study["training"]["learning_rate"]) == ("sgd", 0.1)


def test_schedule_of_a_compiled_model_stands_in_the_file(tmp_path, make_archive, keras):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, activation="softmax")])
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 100)
    model.compile(keras.optimizers.RMSprop(schedule), "sparse_categorical_crossentropy")
    model.save(tmp_path / "net.keras")
    study = draft(tmp_path, tmp_path / "net.keras", make_archive(60, 5))[1]
    assert (study["training"]["optimizer"], study["training"]["learning_rate"]) == ("rmsprop", 0.1)
    assert study["training"]["schedule"] == {"name": "cosine_decay", "decay_steps": 100}
    assert study["training"]["loss"] == "sparse_categorical_crossentropy"


def own_loss(y, predicted):
    return predicted - y


def test_loss_of_ones_own_is_refused_with_what_to_do(tmp_path, make_archive, keras):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", own_loss)
    model.save(tmp_path / "net.keras")
    with pytest.raises(StudyFileError) as caught:
        draft(tmp_path, tmp_path / "net.keras", make_archive(60, 5))
    assert str(caught.value) == (
        "--model: expected a model compiled with what a study trains with, received the loss own_loss, a function of "
        'its own. Set training.loss to one of Keras, with its arguments, to "FILE.py:function" for one of your own, or '
        'to "task" for what fits the task.'
    )


def test_what_the_model_brings_of_its_own_is_named_and_can_be_stripped(tmp_path, make_archive, keras):
    layers = [keras.layers.Dense(4, "relu", kernel_regularizer="l2", name="hidden"), keras.layers.Dropout(0.5)]
    keras.Sequential([keras.Input((5,)), *layers, keras.layers.Dense(3, "softmax")]).save(tmp_path / "net.keras")
    text, _ = draft(tmp_path, tmp_path / "net.keras", make_archive(60, 5))
    said = "dropout 0.5; L2 0.01 on hidden: part of the baseline; search tries less of it, strip takes it out"
    assert f'own = "keep" # {said}' in text
    prepared = prepare_study(str(tmp_path / "study.toml"))
    assert prepared.facts.baseline_in_words == "the model as given: dropout 0.5; L2 0.01 on hidden"
    assert any(note.startswith("The baseline is the model as given: dropout 0.5; L2 0.01") for note in prepared.notes)
    stripped = prepare_study(str(tmp_path / "study.toml"), ["model.own=strip"])
    assert stripped.facts.baseline_in_words == "no regularization at all"
    assert "The model comes without its own dropout 0.5; L2 0.01 on hidden." in stripped.notes


def test_what_the_model_brings_becomes_part_of_the_space_where_it_is_searched(tmp_path, make_archive, keras):
    layers = [
        keras.layers.GaussianNoise(0.1, name="noise"),
        *(keras.layers.Dense(4, "relu", kernel_regularizer="l2", name=name) for name in ("one", "two")),
        keras.layers.Dropout(0.5, name="half"),
    ]
    keras.Sequential([keras.Input((5,)), *layers, keras.layers.Dense(3, "softmax")]).save(tmp_path / "net.keras")
    make_archive(60, 5)
    text = (
        '[study]\nname = "s"\nn_trials = 1\n[data]\nsource = "npz"\npath = "rows.npz"\n[model]\nkeras = "net.keras"\n'
    )
    (tmp_path / "own.toml").write_text(text + 'own = "search"\n')
    prepared = prepare_study(str(tmp_path / "own.toml"))
    assert prepared.spec.space == {
        "one.l2": Choices(choices=(0.0, 0.0001, 0.001, 0.00333, 0.02)),
        "two.l2": Choices(choices=(0.0, 0.0001, 0.001, 0.00333, 0.02)),
        "half.rate": Choices(choices=(0.0, 0.125, 0.25, 0.375, 0.625, 0.75)),
    }
    assert prepared.space.configuration(prepared.space.baseline()) == {}
    assert prepared.facts.own_names == ("one.l2", "two.l2", "half.rate")
    assert prepared.notes[:2] == (
        "The baseline is the model as given: gaussian noise 0.1; dropout 0.5; L2 0.01 on one, two. What it brings is "
        "searched: one.l2, two.l2, half.rate.",
        "No technique takes the place of gaussian noise 0.1: that stays in every trial.",
    )
    # What is resolved is a study file that says the same.
    (tmp_path / "again.toml").write_text(spec_to_toml(prepared.spec))
    assert prepare_study(str(tmp_path / "again.toml")).spec == prepared.spec
    named = text + 'own = "search"\n[space]\nl2 = { choices = [0.1] }\n"half.rate" = { low = 0, high = 0.4 }\n'
    (tmp_path / "named.toml").write_text(named)
    prepared = prepare_study(str(tmp_path / "named.toml"))
    assert list(prepared.spec.space) == ["l2", "half.rate"]
    assert prepared.notes[1] == (
        "l2 takes the place of what the model brings in all layers that it reaches; 0 is not among its values. To try "
        'that, name the layers instead: "LAYER.l2".'
    )


def test_model_that_brings_nothing_has_nothing_to_search(tmp_path, make_archive, keras):
    keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, "softmax", name="out")]).save(tmp_path / "net.keras")
    make_archive(60, 5)
    text = (
        '[study]\nname = "s"\nn_trials = 1\n[data]\nsource = "npz"\npath = "rows.npz"\n[model]\nkeras = "net.keras"\n'
    )
    (tmp_path / "own.toml").write_text(text + 'own = "search"\n')
    with pytest.raises(StudyFileError) as caught:
        prepare_study(str(tmp_path / "own.toml"))
    assert str(caught.value) == (
        f"{tmp_path}/own.toml:9 [model.own]: expected a model with a dropout rate or a penalty of its own to search, "
        "received one without. Name techniques in [space]."
    )
    (tmp_path / "own.toml").write_text(text + 'own = "search"\n[space]\nl2 = { choices = [0.1] }\n')
    assert prepare_study(str(tmp_path / "own.toml")).notes[0] == (
        'The model brings nothing of its own, so that [model] own = "search" adds nothing to [space].'
    )


def test_identifier_is_dropped_in_the_file_with_the_reason(tmp_path, table):
    header, *rows = table.read_text().splitlines()
    lines = [f"customer_id,{header}", *(f"{1000 + 7 * number},{row}" for number, row in enumerate(rows))]
    table.write_text("\n".join(lines) + "\n")
    text, study = draft(tmp_path, "mlp", table, "the label")
    assert study["data"]["drop"] == ["customer_id"]
    assert '["customer_id"] # customer_id: another number in each row, an identifier' in text
    assert "customer_id" not in prepare_study(str(tmp_path / "study.toml")).facts.inputs


def test_how_a_file_is_written_stands_in_the_study(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        f"{a:.3f},{b:.3f},{city},{int(b > 0)}"
        for (a, b), city in zip(rng.normal(size=(60, 2)), ["Köln", "Bonn"] * 30, strict=True)
    ]
    rows[3], rows[7], rows[9] = "?,1.5,Bonn,1", "-,0.5,Bonn,1", "0.25,n.a.,Bonn,0"
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,city,y", *rows]) + "\n", encoding="cp1252")
    text, study = draft(tmp_path, "mlp", tmp_path / "rows.csv", "y")
    assert study["data"]["encoding"] == "cp1252"
    assert study["data"]["na_values"] == ["-", "?", "n.a."]
    assert "# the file is not in UTF-8: are its letters right?" in text
    assert "# missing cells, beside numbers or dates in a, b" in text
    assert 'missing = "indicate"  # an input beside each column with missing cells says where' in text.replace(
        '" #', '"  #'
    )
    prepared = prepare_study(str(tmp_path / "study.toml"))
    assert prepared.facts.inputs == ("a", "b", "city = Bonn", "city = Köln", "a is missing", "b is missing")


def test_comment_on_missing_cells_is_true_of_a_model_of_ones_own(tmp_path, keras):
    rows = [f"{number / 7:.3f},{'' if number % 5 == 0 else number},{number % 2}" for number in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1, "sigmoid")]).save(
        tmp_path / "net.keras"
    )
    text, study = draft(tmp_path, tmp_path / "net.keras", tmp_path / "rows.csv", "y")
    assert study["data"]["missing"] == "impute"
    assert "# missing cells are filled: the median, the most frequent" in text


@pytest.mark.parametrize("mark", ["0000-00-00", "unknown"])
def test_what_stands_for_a_missing_date_stands_in_the_study(tmp_path, mark):
    rows = [f"{mark if row % 9 == 0 else f'2024-01-{row % 28 + 1:02}'},{row},{row % 2}" for row in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["day,b,y", *rows]) + "\n")
    _, study = draft(tmp_path, "mlp", tmp_path / "rows.csv", "y")
    assert (study["data"]["na_values"], study["data"]["dates"]) == ([mark], {"day": "ISO8601"})


def test_decimal_commas_in_quotes_stand_in_the_study(tmp_path):
    rows = [f'"{row},{row % 7}",{row},"{row % 9 + 1},000",{row % 2}' for row in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,c,y", *rows]) + "\n")
    text, study = draft(tmp_path, "mlp", tmp_path / "rows.csv", "y")
    assert study["data"]["decimal"] == ","
    assert 'decimal = "," # as in a\n' in text
    (tmp_path / "rows.csv").write_text("\n".join(["b,c,y", *(row.split(",", 2)[2] for row in rows)]) + "\n")
    with pytest.raises(DataError, match="expected a decimal point, received "):
        draft(tmp_path, "mlp", tmp_path / "rows.csv", "y")


def test_dates_with_short_years_are_told(tmp_path):
    rows = [f"{day + 1}.12.{year},{year},{year % 2}" for year in range(60, 90) for day in (3, 20)]
    (tmp_path / "rows.csv").write_text("\n".join(["born,a,y", *rows]) + "\n")
    text, study = draft(tmp_path, "mlp", tmp_path / "rows.csv", "y")
    assert study["data"]["dates"] == {"born": "%d.%m.%y"}
    assert "# year, month, weekday and days since the first; the years of born are taken for 1969 to 2068" in text


@pytest.mark.parametrize("last", ["softmax of one-hot rows", "sigmoid of floats", "logits of one-hot rows"])
def test_numbers_are_classes_where_the_model_predicts_probabilities(tmp_path, keras, last):
    x, index = np.random.default_rng(0).normal(size=(90, 5)), np.arange(90) % 3
    one_hot = "one-hot" in last
    np.savez(tmp_path / "rows.npz", x=x, y=np.eye(3)[index] if one_hot else (index > 0).astype(float))
    activation = None if "logits" in last else last.split()[0]
    net = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3 if one_hot else 1, activation)])
    if activation is None:
        net.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    net.save(tmp_path / "net.keras")
    _, study = draft(tmp_path, tmp_path / "net.keras", tmp_path / "rows.npz")
    assert study["data"]["task"] == "classification"
    by_hand = '[study]\nname = "s"\nn_trials = 1\n[data]\nsource = "npz"\npath = "rows.npz"\n[model]\n'
    (tmp_path / "hand.toml").write_text(by_hand + 'keras = "net.keras"\n[space]\nl2 = { choices = [0.1] }\n')
    prepared = prepare_study(str(tmp_path / "hand.toml"))
    assert prepared.facts.classes == (("0", "1", "2") if one_hot else ("0", "1"))
    assert ("One-hot targets are taken for 3 classes, by their columns." in prepared.notes) == one_hot


def test_one_hot_rows_are_classes_for_a_family(tmp_path):
    x, index = np.random.default_rng(0).normal(size=(90, 5)), np.arange(90) % 3
    np.savez(tmp_path / "rows.npz", x=x, y=np.eye(3)[index])
    _, study = draft(tmp_path, "mlp", tmp_path / "rows.npz")
    assert study["data"]["task"] == "classification"
    names = [f"a{column}" for column in range(5)] + ["red", "green", "blue"]
    table = np.hstack([x, np.eye(3)[index]])
    lines = [",".join(names), *(",".join(map(str, row)) for row in table)]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    _, study = draft(tmp_path, "mlp", tmp_path / "rows.csv", "red", "green", "blue")
    assert study["data"]["task"] == "classification"
    assert prepare_study(str(tmp_path / "study.toml")).facts.classes == ("blue", "green", "red")


def test_class_of_too_few_rows_is_told_with_what_would_do(tmp_path, keras):
    x, y = np.random.default_rng(0).normal(size=(240, 6)), np.r_[np.ones(4, int), np.zeros(236, int)]
    np.savez(tmp_path / "rare.npz", x=x, y=y)
    draft(tmp_path, "mlp", tmp_path / "rare.npz")
    notes = prepare_study(str(tmp_path / "study.toml")).notes
    (said,) = [note for note in notes if note.startswith('Of class "1"')]
    assert "too few to tell how well it is recognized. About 15 rows would do;" in said
    assert not any(note.startswith("Of class") for note in prepare_study("moons").notes)


def test_techniques_that_do_not_go_with_how_a_model_was_compiled_are_not_offered(tmp_path, keras):
    x = np.random.default_rng(0).normal(size=(60, 4))
    np.savez(tmp_path / "rows.npz", x=x, y=(x[:, 0] > 0).astype(int))
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "tanh")])
    net.compile(keras.optimizers.AdamW(0.01, weight_decay=0.1), "hinge")
    net.save(tmp_path / "net.keras")
    _, study = draft(tmp_path, tmp_path / "net.keras", tmp_path / "rows.npz")
    assert study["space"].keys().isdisjoint({"label_smoothing", "weight_decay"})
    with pytest.raises(StudyFileError) as caught:
        prepare_study(
            str(tmp_path / "study.toml"),
            ["space.label_smoothing={choices=[0.1]}", "space.weight_decay={choices=[0.1]}"],
        )
    assert [str(problem).partition(": ")[2] for problem in caught.value.problems] == [
        "expected a loss that knows labels between two classes, received hinge. Leave out one of the two.",
        "expected weight_decay in [space] or of the optimizer, received both. Leave out one of the two.",
    ]


def test_learning_rate_beside_a_schedule_that_holds_its_own_is_its_first(tmp_path, keras):
    x = np.random.default_rng(0).normal(size=(60, 4))
    np.savez(tmp_path / "rows.npz", x=x, y=(x[:, 0] > 0).astype(int))
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([10], [0.1, 0.01])
    net.compile(keras.optimizers.SGD(schedule), "binary_crossentropy")
    net.save(tmp_path / "net.keras")
    draft(tmp_path, tmp_path / "net.keras", tmp_path / "rows.npz")
    searched = 'space."training.learning_rate"={low=0.1, high=0.5}'
    for override, message in (
        ("training.learning_rate=0.5", "expected 0.1, with which the schedule begins, received 0.5."),
        (searched, "expected a learning rate that is not searched, since the schedule holds its values, received it."),
    ):
        with pytest.raises(StudyFileError, match=re.escape(message)):
            prepare_study(str(tmp_path / "study.toml"), [override])


@pytest.mark.parametrize(
    ("model", "remedy"), [("net.h5", ' Save a Keras model with model.save("net.keras").'), ("resnet", "")]
)
def test_model_of_no_known_kind_is_refused(tmp_path, table, model, remedy):
    with pytest.raises(UsageError) as caught:
        draft_study(Draft(tmp_path, model, table, ("the label",)))
    assert str(caught.value) == (
        '--model: expected a family (mlp, cnn, lstm, multitask), "FILE.keras" or "FILE.py:function", '
        f'received "{model}".{remedy}'
    )


def test_data_of_no_known_kind_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        draft_study(Draft(tmp_path, "mlp", tmp_path / "rows.feather"))
    assert str(caught.value) == (
        f'--data: expected a file that ends in .csv, .parquet or .npz, received "{tmp_path}/rows.feather".'
    )


def test_column_that_is_not_there_is_refused(tmp_path, table):
    with pytest.raises(DataError) as caught:
        draft_study(Draft(tmp_path, "mlp", table, ("label",), prefix=""))
    assert str(caught.value) == (
        'data: expected target to name a column of "rows.csv", received "label". Did you mean "the label"?'
    )


def test_folder_of_pictures_gets_the_shape_that_the_model_takes(tmp_path, keras):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(8):
            picture = tf.io.encode_png(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8))
            (tmp_path / "photos" / label / f"{number}.png").write_bytes(picture.numpy())
    layers = keras.layers
    net = [keras.Input((6, 5, 3)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(), layers.Dense(1, "sigmoid")]
    keras.Sequential(net).save(tmp_path / "net.keras")
    for model, shape in ((tmp_path / "net.keras", [6, 5, 3]), ("cnn", [64, 64, 3])):
        _, told = draft(tmp_path, model, tmp_path / "photos")
        assert (told["data"]["source"], told["data"]["path"], told["data"]["shape"]) == ("images", "photos", shape)


def test_output_that_is_scored_stands_in_the_file_with_a_weight_for_the_others(tmp_path, keras):
    rows = keras.Input((3,))
    kind, size = keras.layers.Dense(3, "softmax", name="kind")(rows), keras.layers.Dense(1, name="size")(rows)
    keras.Model(rows, [kind, size]).save(tmp_path / "net.keras")
    x = np.random.default_rng(0).normal(size=(60, 3))
    np.savez(tmp_path / "rows.npz", x=x, y_size=x.sum(axis=1), y_kind=np.arange(60) % 3)
    _, told = draft(tmp_path, tmp_path / "net.keras", tmp_path / "rows.npz", output="kind")
    assert told["objective"] == {"metric": "log_loss", "output": "kind", "seeds": 1}
    assert told["space"]["auxiliary_weight"] == {"low": 0.01, "high": 2.0, "log": True}


@pytest.fixture
def mixed(tmp_path):
    """A CSV with an identifier, dates, codes, text and missing cells."""
    rng = np.random.default_rng(0)
    rows = [
        f"C{row},{'' if row % 7 == 0 else row / 3:.5},2024-0{row % 9 + 1}-11,{code},{color},{row % 2}"
        for row, (code, color) in enumerate(
            zip(rng.choice(["01067", "10115", "04109"], 80), rng.choice(["red", "blue"], 80), strict=True)
        )
    ]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["customer,width,day,city,color,label", *rows]) + "\n")
    return path


def of_inputs(keras, path, *n_inputs):
    keras.Sequential([*map(keras.Input, [n_inputs] if n_inputs else []), keras.layers.Dense(1, "sigmoid")]).save(path)
    return path


def test_data_is_drafted_alike_whatever_the_model_is(tmp_path, mixed, keras):
    text, family = draft(tmp_path, "mlp", mixed, "label")
    assert family["data"]["drop"] == ["customer"]
    assert family["data"]["missing"] == "indicate"
    assert family["data"]["text"] == ["city"]
    assert '["city"] # numbers that begin with 0, as in city, are codes: a category each' in text
    n_inputs = len(prepare_study(str(tmp_path / "study.toml")).facts.inputs)
    (tmp_path / "net.py").write_text(
        "import keras\n\ndef build(input_shape):\n"
        "    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(1, 'sigmoid')])\n"
    )
    for model in (of_inputs(keras, tmp_path / "net.keras", n_inputs), f"{tmp_path}/net.py:build"):
        assert draft(tmp_path, model, mixed, "label")[1]["data"] == family["data"]


def test_what_the_input_of_a_model_forces_is_said_in_the_file(tmp_path, mixed, keras):
    text, study = draft(tmp_path, of_inputs(keras, tmp_path / "net.keras", 10), mixed, "label")
    assert study["data"]["missing"] == "impute"
    assert study["data"]["drop"] == ["customer"]
    assert "The model takes 10 inputs, not the 11 that suit the table: no input says where cells are missing." in (
        " ".join(text.replace("\n# ", " ").split())
    )


def test_model_of_another_number_of_inputs_is_refused_with_the_columns(tmp_path, mixed, keras):
    with pytest.raises(StudyFileError) as caught:
        draft(tmp_path, of_inputs(keras, tmp_path / "net.keras", 7), mixed, "label")
    made = "11 inputs: width (2), day (4), city (3), color (2)"
    assert str(caught.value) == (
        f"--model: expected rows of 7 inputs, which the model takes, received rows of {made}. Begin it with "
        "keras.Input((11,)), or change data.drop, data.missing, data.min_frequency or data.target_encode, in a study "
        "file of your own."
    )


def test_model_that_was_not_built_is_refused_with_the_shape_that_the_table_gives(tmp_path, mixed, keras):
    with pytest.warns(UserWarning, match="built"):
        unbuilt = of_inputs(keras, tmp_path / "net.keras")
    with pytest.raises(StudyFileError) as caught:
        draft(tmp_path, unbuilt, mixed, "label")
    assert str(caught.value) == (
        "--model: expected a model that knows the shape of its rows, received one that was not built. Begin it with "
        "keras.Input((11,)), then save it: the columns make 11 inputs: width (2), day (4), city (3), color (2)."
    )
