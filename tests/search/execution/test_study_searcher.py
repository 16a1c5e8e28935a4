from ray.tune.search import Searcher

from search.execution.study_searcher import ENDS, StudySearcher
from search.study.study import Study
from search.suggest.queue import StudyQueue


def test_a_worker_without_room_gives_its_trial_back(make_config, folder) -> None:
    study = Study(make_config(), folder)
    source = StudyQueue(study)
    searcher = StudySearcher(source, folder.results)
    given = searcher.suggest("tune-1")["trial"]
    searcher.on_trial_complete("tune-1", {"number": 0, ENDS: "no room", "done": True})
    assert searcher.ended_by == "no room"
    assert searcher.suggest("tune-2") == Searcher.FINISHED
    assert study.trials[0].state == "running"
    assert source.next() == given
