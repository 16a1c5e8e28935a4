import pickle

from pipelines import TrialFailed


def test_a_failure_crosses_processes_with_its_reason() -> None:
    error = pickle.loads(pickle.dumps(TrialFailed("too narrow")))
    assert (error.reason, str(error)) == ("too narrow", "too narrow")
