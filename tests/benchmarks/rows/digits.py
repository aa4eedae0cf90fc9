"""Dense and convolutional nets on scikit-learn's digits: 1,437 rows train in batches of 32, 360 score."""

from search.models import Architecture
from search.spec import TrainingSection
from search.techniques import Part
from search.training.session import start_tensorflow
from tests.benchmarks.comparison import Line, side_by_side, wall_seconds
from tests.benchmarks.jobs import by_fit, by_regsearch, digits, make_job, mlp, output
from tests.benchmarks.products import GOAL, PEER, fastest_products

LIMITED_BY = (
    "mlp (256-256): matrix products of 32 rows, three quarters of a run, then Adam. CNN: convolutions; XLA's take 1.4 "
    "times as long as TensorFlow's own, which start one kernel after the other instead."
)

FULL = {}
QUICK = {"rounds": 3, "n_fit_epochs": 2}
TINY = {"rounds": 1, "n_epochs": 1, "n_fit_epochs": 1, "nets": ("mlp",)}

GOALS = {"mlp": 20, "CNN": 3.5, "LSTM": 15}


def measure(
    rounds: int = 5, n_epochs: int = 30, n_fit_epochs: int = 6, nets: tuple[str, ...] = ("mlp", "CNN")
) -> list[Line]:
    start_tensorflow()
    arrays = digits()
    lines = []
    for net in nets:
        job = make_job(arrays, NETS[net], {"l2": 1e-4}, TrainingSection(epochs=n_epochs))
        ours, engine = by_regsearch(job)
        fit = by_fit(job)
        peers = {
            "regsearch": wall_seconds(ours),
            "fit": lambda fit=fit: fit(n_fit_epochs) * n_epochs,
            "products": fastest_products(job),
        }
        costs = side_by_side(peers, rounds)
        note = f"{n_fit_epochs} of {n_epochs} epochs counted"
        work = f"{net}, {n_epochs} epochs ({engine})"
        lines += [
            Line("digits", work, "fit", "s a run", costs["regsearch"], costs["fit"], GOALS[net], note),
            Line("digits", work, PEER, "s a run", costs["regsearch"], costs["products"], GOAL),
        ]
    return lines


def chain(name, *layers):
    return Architecture(name, {"x": (64,)}, (*layers, output(10)), "sparse_categorical_crossentropy")


def convolution(filters, number):
    arguments = {"filters": filters, "kernel_size": 3, "activation": "relu", "name": f"conv_{number}"}
    return Part("layers.Conv2D", arguments)


NETS = {
    "mlp": mlp(64, (256, 256), 10),
    "CNN": chain(
        "cnn",
        Part("layers.Reshape", {"target_shape": (8, 8, 1), "name": "image"}),
        convolution(16, 1),
        Part("layers.MaxPooling2D", {"name": "pool"}),
        convolution(32, 2),
        Part("layers.Flatten", {"name": "flatten"}),
    ),
    "LSTM": chain(
        "lstm",
        Part("layers.Reshape", {"target_shape": (8, 8), "name": "lines"}),
        Part("layers.LSTM", {"units": 64, "name": "lstm"}),
    ),
}
