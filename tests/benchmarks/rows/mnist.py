"""A net that a processor is busy with: 784-500-500-500-500-500-10, 10,000 rows train in batches of 128, 2,000 score."""

from search.spec import TrainingSection
from search.training.session import start_tensorflow
from tests.benchmarks.comparison import Line, side_by_side, wall_seconds
from tests.benchmarks.jobs import by_fit, by_regsearch, make_job, mlp, random_images
from tests.benchmarks.products import GOAL, PEER, fastest_products

LIMITED_BY = (
    "the processor: 82 GFLOP an epoch at the 160 GFLOP/s that one core reaches in float32 are 0.51 s of 0.7, "
    "Adam's passes over memory 0.11 s. The goal is beyond that; bfloat16's matrix units are the way."
)

FULL = {}
QUICK = {"rounds": 3, "n_epochs": 1}
TINY = {"rounds": 1, "n_epochs": 1, "n_rows": 200, "hidden": (16,)}


def measure(
    rounds: int = 5, n_epochs: int = 3, n_rows: int = 10_000, hidden: tuple[int, ...] = (500,) * 5
) -> list[Line]:
    start_tensorflow()
    arrays = random_images(n_rows, n_rows // 5)
    net = mlp(784, hidden, 10)
    peers, engines = {}, {}
    for precision in ("float32", "mixed_bfloat16"):
        training = TrainingSection(epochs=n_epochs, batch_size=128, precision=precision)
        job = make_job(arrays, net, {"l2": 1e-5}, training)
        ours, engine = by_regsearch(job)
        engines[precision] = f"{precision} ({engine})"
        peers[f"regsearch, {precision}"] = wall_seconds(ours, 1 / n_epochs)
        fit = by_fit(job)
        peers[f"fit, {precision}"] = lambda fit=fit: fit(n_epochs)
        if precision == "float32":
            peers[PEER] = fastest_products(job, 1 / n_epochs)
    costs = side_by_side(peers, rounds)

    def line(precision: str, peer: str, goal: float | None = None) -> Line:
        ours = costs[f"regsearch, {precision}"]
        return Line("mnist", engines[precision], peer, "s an epoch", ours, costs[peer], goal)

    return [
        line("float32", "fit, float32", 2.3),
        line("float32", PEER, GOAL),
        line("mixed_bfloat16", "fit, mixed_bfloat16"),
        line("mixed_bfloat16", "fit, float32"),
        line("mixed_bfloat16", "regsearch, float32"),
    ]
