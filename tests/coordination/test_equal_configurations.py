"""Of equal configurations one is trained; what its machine did to it is nobody else's outcome."""

from search.coordination.equal_configurations import EqualConfigurations
from search.records import Configuration, FailureCause, Trial, TrialState

OFF, ON = Configuration(), Configuration({"l2": 0.1})


def ended(number, configuration, cause=None):
    state = TrialState.COMPLETE if cause is None else TrialState.FAIL
    return Trial(
        number, state, configuration, 0.5 if cause is None else None, None if cause is None else "why", cause=cause
    )


def test_first_of_a_configuration_is_trained_and_the_others_wait():
    equals = EqualConfigurations()
    assert [equals.join(0, OFF), equals.join(1, ON), equals.join(2, OFF), equals.join(3, OFF)] == [0, 1, 0, 0]
    assert equals.end(ended(0, OFF)) == [2, 3]
    assert equals.end(ended(1, ON)) == []
    assert equals.join(4, OFF) == 0


def test_failure_of_the_configuration_is_shared():
    equals = EqualConfigurations()
    equals.join(0, OFF)
    equals.join(1, OFF)
    assert equals.end(ended(0, OFF, FailureCause.DIVERGED)) == [1]
    assert equals.join(1, OFF) == 0


def test_after_a_transient_failure_the_next_one_is_trained():
    for cause in (FailureCause.WORKER_DIED, FailureCause.OUT_OF_MEMORY):
        equals = EqualConfigurations()
        for number in range(3):
            equals.join(number, OFF)
        assert equals.end(ended(0, OFF, cause)) == [1, 2]
        assert [equals.join(1, OFF), equals.join(2, OFF)] == [1, 1]
        assert equals.end(ended(1, OFF)) == [2]


def test_trials_of_earlier_sessions_count_unless_their_machines_failed():
    equals = EqualConfigurations()
    equals.add_ended(ended(0, OFF, FailureCause.WORKER_DIED))
    equals.add_ended(ended(1, ON))
    equals.add_ended(ended(2, ON))
    assert [equals.join(3, OFF), equals.join(4, ON)] == [3, 1]
