"""What frozen layers in front make of rows is computed once, and nothing else of a run changes by that."""

from dataclasses import replace

import numpy as np
import pytest

from search.models import LayerArgumentError, describe_model, find_front, read_saved, thawed, unfrozen
from search.records import Configuration, EngineChoice
from search.spec import ModelSection
from search.training import features, jobs, user_cache, worker_session
from search.training.engines import Stores, keep_going

SPACE = ("l2", "head.dropout", "patience")
SETTINGS = {"l2": 0.02, "head.dropout": 0.3, "patience": 2}


def pretrained(keras, layers, **more):
    """A convolution and a normalization, both frozen, in a nested model; a head that trains."""
    keras.utils.set_random_seed(3)
    inside = keras.Input((6, 6, 1))
    passed = layers.BatchNormalization(name="norm")(layers.Conv2D(3, 3, activation="relu", name="conv")(inside))
    base = keras.Model(inside, layers.MaxPooling2D(name="pool")(passed), name="base")
    base.trainable = more.get("trainable", False)
    rows = keras.Input((6, 6, 1))
    scaled = layers.Rescaling(0.5, name="half")(rows)
    if more.get("noisy"):
        scaled = layers.GaussianNoise(0.1, name="noise")(scaled)
    told = layers.GlobalAveragePooling2D(name="mean")(base(scaled))
    head = layers.Dense(5, "tanh", name="head")(told)
    return keras.Model(rows, layers.Dense(3, "softmax", name="answer")(head), name="pretrained")


def chain(keras, layers):
    keras.utils.set_random_seed(3)
    frozen = layers.Dense(7, "relu", trainable=False, name="frozen")
    front = [keras.Input((6, 6, 1)), layers.Flatten(name="flat"), frozen]
    return keras.Sequential([*front, layers.Dense(5, "tanh", name="head"), layers.Dense(3, "softmax", name="answer")])


NETS = {"nested": pretrained, "chain": chain}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of the test's own."""
    monkeypatch.setenv(user_cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module", params=NETS)
def archive(request, keras, tmp_path_factory):
    path = tmp_path_factory.mktemp("nets") / "net.keras"
    NETS[request.param](keras, keras.layers).save(path)
    return path.read_bytes()


@pytest.fixture
def plan_of(make_plan, archive):
    def make(**training):
        given = {"keras": "net.keras", "weights": "fresh"}
        plan = make_plan("multiclass", shape=(6, 6, 1), model=given, space=SPACE, **{"epochs": 6, **training})
        return replace(plan, saved=read_saved(archive, "net.keras"))

    return make


@pytest.mark.parametrize("engine", ["compiled", "graph", "fit"])
@pytest.mark.parametrize("settings", [{}, SETTINGS], ids=["off", "on"])
def test_run_is_what_it_is_without_the_cut(plan_of, make_run, train_stages, monkeypatch, engine, settings):
    run = replace(make_run(), configuration=Configuration(settings))
    cut = train_stages(plan_of(), run, engine, keep_going)
    monkeypatch.setattr(jobs, "find_front", lambda plain, names: None)
    whole = train_stages(plan_of(), run, engine, keep_going)
    assert set(cut.weights) < set(whole.weights)
    for path, values in cut.weights.items():
        np.testing.assert_allclose(values, whole.weights[path], rtol=1e-3, atol=1e-5, err_msg=path)
    np.testing.assert_allclose(cut.curve.validation_loss, whole.curve.validation_loss, rtol=1e-4)
    assert cut.score == pytest.approx(whole.score, rel=1e-4)


def test_each_row_is_computed_once_in_the_study(plan_of, make_run, train_stages, session, monkeypatch):
    computed, plan = [], plan_of()
    inner = features.Features._computed
    monkeypatch.setattr(
        features.Features, "_computed", lambda self, rows: computed.append(len(rows)) or inner(self, rows)
    )
    for fold in range(3):
        again = replace(plan, folds=(replace(plan.folds[0], train=plan.folds[0].train[fold:]),))
        for value in (0.1, 0.2):
            session.train(again, replace(make_run(), configuration=Configuration({"l2": value})))
    assert sum(computed) == 60 + 3  # one of zeros for each fold: the shape of the stop rows, which are none here


def test_another_process_finds_what_one_has_computed(plan_of, cache, monkeypatch):
    plan = plan_of()
    front = find_front(jobs._plain_model(plan, plan.spec, (6, 6, 1)), SPACE)
    rows = plan.dataset.features
    told = features.Features(front, rows)(rows)
    assert len(list(cache.rglob("*.npz"))) == 1
    monkeypatch.setattr(features.Features, "_computed", None)
    np.testing.assert_array_equal(features.Features(front, rows)(rows[10:20]), told[10:20])


def test_rows_that_a_fold_scales_are_computed_as_it_has_them(plan_of, make_run, train_stages, monkeypatch):
    plan = plan_of()
    plan = replace(plan, dataset=replace(plan.dataset, standardize=True))
    cut = train_stages(plan, make_run(), "graph", keep_going)
    monkeypatch.setattr(jobs, "find_front", lambda plain, names: None)
    whole = train_stages(plan, make_run(), "graph", keep_going)
    assert cut.score == pytest.approx(whole.score, rel=1e-4)


def test_file_that_is_broken_is_computed_anew(plan_of, cache):
    plan = plan_of()
    front = find_front(jobs._plain_model(plan, plan.spec, (6, 6, 1)), SPACE)
    told = features.Features(front, plan.dataset.features)(plan.dataset.features)
    (path,) = cache.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:100])
    np.testing.assert_array_equal(features.Features(front, plan.dataset.features)(plan.dataset.features), told)


def test_trained_model_has_its_front_again(plan_of, make_run, session, keras, archive, tmp_path):
    plan = plan_of(engine="compiled")
    run = replace(make_run(), configuration=Configuration(SETTINGS))
    trained = session.train_model(plan, run)
    assert trained.input_shape == (None, 6, 6, 1)
    predicted = session.predict_validation(plan, run)
    result = session.train(plan, run)
    chosen = predicted.predicted[np.arange(20), plan.dataset.target[40:]]
    assert result.score == pytest.approx(-np.log(chosen).mean(), rel=1e-3)
    (tmp_path / "net.keras").write_bytes(archive)
    given = keras.models.load_model(tmp_path / "net.keras")
    for mine, theirs in zip(trained.non_trainable_weights, given.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def front_of(archive_of, model, names):
    saved = read_saved(archive_of(model), "[model]")
    plain = describe_model(ModelSection(keras="net.keras"), (6, 6, 1), 3, "multiclass", saved)
    return find_front(plain, names)


@pytest.fixture
def archive_of(tmp_path):
    def save(model):
        model.save(tmp_path / "net.keras")
        return (tmp_path / "net.keras").read_bytes()

    return save


def test_front_ends_where_something_trains_or_is_random(keras, archive_of):
    layers = keras.layers
    assert front_of(archive_of, pretrained(keras, layers), ["l2"]).names == {
        *("half", "base/conv", "base/norm", "base/pool", "mean")
    }
    assert front_of(archive_of, pretrained(keras, layers, trainable=True), ["l2"]) is None
    assert front_of(archive_of, pretrained(keras, layers, noisy=True), ["l2"]) is None


@pytest.mark.parametrize("name", ["input_noise", "flip", "mixup", "cutmix", "base/conv.dropout"])
def test_what_changes_rows_or_the_front_forbids_it(keras, archive_of, name):
    assert front_of(archive_of, pretrained(keras, keras.layers), [name]) is None


@pytest.mark.parametrize("name", ["label_smoothing", "weight_decay", "zca", "base/conv.l2", "head.dropout"])
def test_what_leaves_the_front_as_it_is_allows_it(keras, archive_of, name):
    assert front_of(archive_of, pretrained(keras, keras.layers), [name]) is not None


def test_front_with_a_mask_is_left_whole(keras, archive_of):
    layers = keras.layers
    words = layers.Embedding(9, 2, mask_zero=True, trainable=False, name="words")
    flat = [keras.Input((6, 6, 1)), layers.Reshape((36,)), words, layers.GRU(3), layers.Dense(3, "softmax")]
    assert front_of(archive_of, keras.Sequential(flat), ["l2"]) is None


def test_stores_keep_rows_of_a_front_with_the_rows_that_they_come_from(plan_of, make_run):
    stores, plan = Stores(), plan_of()
    once, again = (jobs.make_job(plan, make_run(), stores) for _ in range(2))
    assert once.arrays is again.arrays
    assert once.whole is not None


@pytest.fixture
def two_phases(make_plan, keras, tmp_path):
    """The plan of the nested net with a second phase, and a function that loads the net."""
    pretrained(keras, keras.layers).save(tmp_path / "net.keras")
    plan = make_plan(
        "multiclass",
        shape=(6, 6, 1),
        model={"keras": "net.keras", "weights": "saved"},
        space=SPACE,
        epochs=5,
        batch_size=64,
        learning_rate=0.05,
        unfreeze={"layers": ["conv"], "learning_rate": 0.02, "epochs": 4},
    )
    saved = read_saved((tmp_path / "net.keras").read_bytes(), "net.keras", keeps_weights=True)
    return replace(plan, saved=saved), lambda: keras.models.load_model(tmp_path / "net.keras")


@pytest.mark.parametrize("engine", ["compiled", "graph", "fit"])
def test_second_phase_trains_frozen_layers_as_keras_does(two_phases, make_run, train_stages, keras, engine):
    plan, load = two_phases
    outcome = train_stages(plan, make_run(), engine, keep_going)
    rows = np.union1d(plan.folds[0].train, plan.folds[0].stop)
    model, x, y = load(), plan.dataset.features[rows], plan.dataset.target[rows]
    for rate, epochs in ((0.05, 5), (0.02, 4)):
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=64, epochs=epochs, verbose=0)
        model.get_layer("base").get_layer("conv").trainable = True
    assert outcome.curve.n_epochs == 9
    for path, values in outcome.weights.items():
        layer, weight = path.split("/")[-2:]
        home = model.get_layer("base") if path.startswith("base/") else model
        theirs = next(each for each in home.get_layer(layer).weights if each.name == weight)
        np.testing.assert_allclose(values, theirs.numpy(), rtol=2e-3, atol=1e-4, err_msg=path)
    assert "base/conv/kernel" in outcome.weights


def test_trained_model_of_two_phases_has_what_both_taught(two_phases, make_run, session):
    plan, load = two_phases
    plan = replace(plan, spec=plan.spec.model_copy(update={"training": plan.spec.training.model_copy(update=GRAPH)}))
    model = session.train_model(plan, make_run())
    before = load().get_layer("base").get_layer("conv").kernel
    assert np.abs(model.get_layer("base").get_layer("conv").kernel - before).max() > 1e-3
    result = session.train(plan, make_run())
    outputs = np.asarray(model(plan.dataset.features[40:]))
    assert result.score == pytest.approx(-np.log(outputs[np.arange(20), plan.dataset.target[40:]]).mean(), rel=1e-3)


GRAPH = {"engine": "graph"}


def test_batch_normalization_stays_frozen(keras, archive_of):
    saved = read_saved(archive_of(pretrained(keras, keras.layers)), "[model]")
    plain = describe_model(ModelSection(keras="net.keras"), (6, 6, 1), 3, "multiclass", saved)
    assert thawed(plain, ["base/*"]) == ("base/conv",)
    assert unfrozen(["base/conv"]) == {"base/conv.trainable": True}
    with pytest.raises(LayerArgumentError) as caught:
        thawed(plain, ["block5*"])
    assert str(caught.value) == 'expected a pattern that matches one of base/conv, received "block5*"'


def test_penalty_that_reaches_the_front_alone_changes_nothing(plan_of, make_run, train_stages, monkeypatch):
    plan = plan_of()
    name = next(f"{x.name}.l2" for x in plan.saved.layers if x.name in ("base/conv", "frozen"))
    spec = plan.spec.model_copy(update={"space": {**plan.spec.space, name: plan.spec.space["l2"]}})
    plan = replace(plan, spec=spec)
    settings = ({"l2": 0.1}, {"l2": 0.1, name: 0.3})
    plain, named = (
        train_stages(plan, replace(make_run(), configuration=Configuration(each)), "graph", keep_going)
        for each in settings
    )
    assert named.score == plain.score


def test_engine_is_chosen_by_the_phase_in_which_most_trains(two_phases, make_run, session, monkeypatch):
    plan, _ = two_phases
    seen = []

    def choose(job, engines):
        seen.append([layer.name for layer in job.plain.layers])
        return EngineChoice("graph", "as told")

    monkeypatch.setattr(worker_session, "choose_engine", choose)
    run = replace(make_run(), configuration=Configuration({"l2": 0.123}))
    assert session.calibrate(plan, run).name == "graph"
    assert session.train(plan, run).engine == "graph: as told"
    assert all("base/conv" in names for names in seen)
