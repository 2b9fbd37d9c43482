"""Tickets: whoever is at it and whatever dies, a study ends with exactly the number of finished trials asked for."""

from concurrent.futures import ThreadPoolExecutor

import optuna
import pytest
from optuna.trial import TrialState

from components.tune import storage as storages
from components.tune.crew import environment
from components.tune.tickets import MOST_ATTEMPTS, again, fail, failed, finished, give_back, issue, reason, take, waiting


@pytest.fixture
def opened(tmp_path):
    storage = storages.open_storage(f"sqlite:///{tmp_path}/optuna.db", on_death=again)
    return storages.create_study("s", storage), storage


def draw(ticket):
    return ticket.trial.suggest_float("learning_rate", 0.01, 1)


def test_a_new_study_has_one_ticket_a_trial_the_first_with_the_settings_given(opened):
    study, storage = opened
    assert issue(study, 3, seed=0, first=[{"learning_rate": 0.1}]).open == 3
    assert issue(study, 3, seed=0, first=[{"learning_rate": 0.1}]).open == 3  # not again
    tickets = [take(study, storage) for _ in range(3)]
    assert [ticket.trial.number for ticket in tickets] == [0, 1, 2]
    assert draw(tickets[0]) == 0.1
    assert take(study, storage) is None


def test_four_workers_at_once_never_take_the_same_ticket(opened, tmp_path):
    issue(opened[0], 40, seed=0)

    def work(_):
        storage = storages.open_storage(f"sqlite:///{tmp_path}/optuna.db", on_death=again)
        study, taken = storages.load_study("s", storage), []
        while ticket := take(study, storage):
            taken.append(ticket.trial.number)
            study.tell(ticket.trial, draw(ticket))
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [number for numbers in pool.map(work, range(4)) for number in numbers]
    assert sorted(taken) == list(range(40))
    assert len(finished(opened[0])) == 40


def test_a_study_that_was_interrupted_draws_what_it_would_have_drawn(tmp_path):
    drawn = {}
    for name, stops in (("whole", (8,)), ("cut", (3, 5, 8))):
        for asked in stops:
            storage = storages.open_storage(f"sqlite:///{tmp_path}/optuna.db", on_death=again)
            study = storages.create_study(name, storage)
            issue(study, asked, seed=0)
            while ticket := take(study, storage):
                drawn.setdefault(name, []).append(draw(ticket))
                study.tell(ticket.trial, drawn[name][-1])
    assert drawn["whole"][:3] == drawn["cut"][:3]
    assert len(set(drawn["cut"])) == 8


def test_a_trial_that_is_stopped_goes_back_and_keeps_its_settings(opened):
    study, storage = opened
    issue(study, 1, seed=0)
    ticket = take(study, storage)
    drawn = draw(ticket)
    give_back(ticket, storage)
    second = take(study, storage)
    assert (second.trial.number, draw(second)) == (0, drawn)


def test_a_trial_whose_worker_died_comes_back_until_it_has_cost_too_many(opened, monkeypatch):
    monkeypatch.setattr(opened[1], "grace_period", 1)
    study, storage = opened
    issue(study, 1, seed=0)
    drawn, numbers = set(), []
    for _ in range(MOST_ATTEMPTS):
        ticket = take(study, storage)
        drawn.add(draw(ticket))
        numbers.append((ticket.trial.number, ticket.first_number))
        _die(study, storage)
    assert numbers == [(0, 0), (1, 0), (2, 0)]
    assert len(drawn) == 1
    assert [(trial.number, reason(trial)) for trial in failed(study)] == [(2, "its workers were killed; mostly for lack of memory")]
    fresh = take(study, storage)
    assert draw(fresh) not in drawn
    study.tell(fresh.trial, 0.5)
    assert (len(finished(study)), waiting(study)) == (1, 0)


def _die(study, storage):
    """Let a worker's last sign of life be an hour old."""
    import sqlalchemy

    with storage.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE trial_heartbeats SET heartbeat = datetime('now', '-1 hour')"))
    storages.fail_dead(study)


def test_a_worker_that_is_slow_but_beats_keeps_its_trial(opened):
    study, storage = opened
    issue(study, 1, seed=0)
    ticket = take(study, storage)
    with storages.beating(storage, ticket.trial_id):
        storages.fail_dead(study)
    assert study.get_trials()[0].state == TrialState.RUNNING


def test_whoever_lost_a_trial_learns_it_at_the_next_epoch(opened):
    study, storage = opened
    issue(study, 1, seed=0)
    ticket = take(study, storage)
    _die(study, storage)
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        ticket.trial.report(0.5, 0)


def test_a_ticket_that_was_lost_is_issued_again_when_the_study_continues(opened):
    study, storage = opened
    issue(study, 2, seed=0)
    study.tell(take(study, storage).trial, 0.5)
    lost = take(study, storage)
    study.tell(lost.trial, state=TrialState.FAIL)  # and its worker was killed before it could issue another
    assert issue(study, 2, seed=0).open == 1


def test_a_study_gives_up_after_as_many_failures_as_trials_but_not_before_three(opened):
    study, storage = opened
    issue(study, 2, seed=0)
    reasons = []
    while ticket := take(study, storage):
        fail(study, ticket, "out of memory")
        reasons.append(reason(study.get_trials()[ticket.trial.number]))
    assert reasons == ["out of memory"] * 3


def test_workers_share_the_cores_and_what_is_set_stays(monkeypatch):
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert environment(0, 1) == {}
    assert environment(2, 3)["TF_NUM_INTRAOP_THREADS"] == "2"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert "OMP_NUM_THREADS" not in environment(0, 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert [environment(number, 3)["CUDA_VISIBLE_DEVICES"] for number in range(3)] == ["4", "7", "4"]
