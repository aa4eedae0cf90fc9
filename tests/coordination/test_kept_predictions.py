"""Which predictions go depends on scores and numbers, and not on the order in which trials ended."""

from hypothesis import given
from hypothesis import strategies as st

from search.coordination.kept_predictions import surplus_predictions
from search.records import Configuration, Trial, TrialState

SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, -1.0]), min_size=1, max_size=12)


def trials_of(scores):
    return {number: Trial(number, TrialState.COMPLETE, Configuration(), score) for number, score in enumerate(scores)}


@given(SCORES, st.data(), st.sampled_from(["minimize", "maximize"]), st.integers(0, 12))
def test_the_best_are_left_in_whatever_order_they_came(scores, data, direction, room):
    trials, kept = trials_of(scores), {}
    for number in data.draw(st.permutations(range(len(scores)))):
        kept[number] = 10
        for surplus in surplus_predictions(kept, trials, direction, room * 10 + 3):
            del kept[surplus]
    sign = 1 if direction == "minimize" else -1
    by_score = sorted(range(1, len(scores)), key=lambda number: (sign * scores[number], number))
    assert set(kept) == {0, *by_score[: max(0, room - 1)]}


@given(SCORES, st.data(), st.integers(0, 1000))
def test_no_more_go_than_must(scores, data, most_bytes):
    trials = trials_of(scores)
    sizes = {number: data.draw(st.integers(0, 100)) for number in trials}
    surplus = surplus_predictions(sizes, trials, "minimize", most_bytes)
    left = {number: size for number, size in sizes.items() if number not in surplus}
    assert 0 in left
    assert sum(left.values()) <= most_bytes or list(left) == [0]
    if surplus:
        assert sum(left.values()) + sizes[surplus[-1]] > most_bytes
        assert all(scores[number] <= scores[surplus[-1]] for number in left if number != 0)
