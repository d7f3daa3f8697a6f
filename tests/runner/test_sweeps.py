"""Sweeps: declared or refused as a whole, driven to their end, pruned, stopped, taken up again."""

import subprocess
import sys
import threading

import msgspec
import pytest

from tests.plugins.fixtures import ended, until
from workbench.core import events as ev
from workbench.core.job import JobState
from workbench.core.problem import InputError, KnownTrouble, ProblemRecord, Problems
from workbench.recipes import recipe, recipes
from workbench.runner import space as sp
from workbench.runner import sweeps as sw
from workbench.runner.drive import Reading, alone, drive, driven, look
from workbench.runner.scripted import ScriptedRunner
from workbench.runner.study import opened
from workbench.store.runfolder import RunConfig, RunFolder


@pytest.fixture(autouse=True)
def plugins(monkeypatch):
    monkeypatch.setenv(
        "WORKBENCH_PLUGINS", "tests.plugins.trials.recipe,tests.plugins.wager.recipe,tests.plugins.tiny.recipe"
    )
    monkeypatch.setenv("WORKBENCH_WARM", "")
    monkeypatch.setenv("WORKBENCH_DEVICE", "cpu")
    recipes.cache_clear()
    yield
    recipes.cache_clear()


def declared(space, *, name="wager", params=None, seed=0, **more):
    return sw.declare(recipe(name), RunConfig(name, params or {}, seed=seed), space, **more)


def faults(space, **more):
    with pytest.raises(Problems) as caught:
        declared(space, **more)
    return {problem.field: problem for problem in caught.value.problems}


def gains(folder):
    """A wager's run, at once: half the gain in the middle, the gain at the end."""
    params = folder.config().params
    gain = params["stake"] * (1 - params["luck"])
    yield ev.Progress(step=5, total=10)
    yield ev.Metric(name="gain", value=gain / 2, step=5, series="test")
    yield ev.Metric(name="gain", value=gain, step=10, series="test")
    yield ev.Finished(results={"gain": gain})


def driving(runner, folder, **more):
    """A thread that drives a sweep, and the list that will hold where it stands at the end."""
    found = []
    thread = threading.Thread(
        target=lambda: found.append(drive(runner, recipe("wager"), folder, lambda _: None, **more)), daemon=True
    )
    thread.start()
    return thread, found


def driven_to_its_end(home, sweep, script=gains, **more):
    folder = sw.create(home, sweep)
    told = []
    standing = drive(ScriptedRunner(home, script), recipe(sweep.base.recipe), folder, told.append, **more)
    return folder, standing, told


# Declaring


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1e-5..1e-3", sp.Range(1e-5, 1e-3)),
        ("1e-5 .. 1e-3:log", sp.Range(1e-5, 1e-3, log=True)),
        ("0.1, 0.2", sp.Listed((0.1, 0.2))),
    ],
)
def test_that_a_span_is_read_as_it_is_typed(text, span):
    assert declared({"learning_rate": text}, name="tiny").space == {"learning_rate": span}


def test_that_whole_numbers_stay_whole_and_declared_factors_are_kept():
    assert declared({"batch": "8..64"}, name="tiny").space["batch"] == sp.Range(8, 64, whole=True)
    declared_log = declared({"learning_rate": "1e-5..1e-3"}, name="berturk-nlu").space["learning_rate"]
    assert declared_log == sp.Range(1e-5, 1e-3, log=True)
    assert declared({"fails": "yes,no"}).space["fails"] == sp.Listed((True, False))


def test_that_every_mistake_is_told_at_once_and_names_its_place():
    found = faults(
        {"steak": "1,2", "stake": "3..1", "luck": "0.5,7,x"}, params={"luck": 0.1, "fails": "maybe"},
        metric="gian", sampler="magic", pruner="axe", direction="up", runs=-1,
    )  # fmt: skip
    wanted = {"space.steak", "space.stake", "space.luck", "fails", "metric", "sampler", "pruner", "direction", "runs"}
    assert found.keys() == wanted
    assert "'stake'" in found["space.steak"].fix
    assert "'gain'" in found["metric"].fix
    assert all(problem.expected and problem.received and problem.fix for problem in found.values())


@pytest.mark.parametrize(
    ("space", "field"),
    [
        ({}, "space"),
        ({"stake": "1"}, "space.stake"),
        ({"stake": "1,1"}, "space.stake"),
        ({"stake": "-1..5"}, "space.stake"),
        ({"stake": "0..5:log"}, "space.stake"),
        ({"stake": "1..5:lin"}, "space.stake"),
        ({"fails": "true..false"}, "space.fails"),
    ],
)
def test_that_spaces_that_make_no_sense_are_refused(space, field):
    assert field in faults(space)


def test_that_a_grid_wants_values_and_counts_its_own_runs():
    assert "space.stake" in faults({"stake": "1..5"}, sampler="grid")
    assert declared({"stake": "1,2,3", "luck": "0,0.5"}, sampler="grid").runs == 6
    assert declared({"stake": "1,2,3"}, sampler="grid", runs=2).runs == 2
    assert declared({"batch": "1..4"}, name="tiny", sampler="grid").runs == 4


def test_that_a_knob_without_effect_is_refused_and_a_grid_leaves_it_out():
    berturk = {"rank": "4,8"}
    assert "space.rank" in faults(berturk, name="berturk-nlu", params={"adapt": "full"})
    points = declared({**berturk, "adapt": "full,lora"}, name="berturk-nlu", sampler="grid")
    assert points.runs == 3


def test_that_metric_and_direction_follow_from_the_recipe():
    sweep = declared({"stake": "1..5"})
    assert (sweep.metric, sweep.direction, sweep.runs) == ("gain", "max", 12)
    assert declared({"epochs": "1..5"}, name="tiny", metric="loss/train").direction == "min"


def test_that_usual_spans_stay_within_the_declared_bounds():
    for name in ("berturk-nlu", "trials", "tiny", "wager"):
        for one in sp.knobs(recipe(name).params):
            span = sp.usual(one, one.default)
            if isinstance(span, sp.Range) or len(span.values) > 1:
                read = sp.read_span(one, span.words())
                assert read == span or isinstance(span, sp.Range)


# Driving


def test_that_a_grid_tries_every_combination_once_and_finds_the_best(home):
    sweep = declared({"stake": "1,2,3", "luck": "0,0.5"}, sampler="grid")
    folder, standing, told = driven_to_its_end(home, sweep)
    assert standing.complete and standing.over == 6
    tried = [tuple(trial.params.items()) for trial in standing.trials]
    assert len(set(tried)) == 6
    assert standing.best.params == {"stake": 3.0, "luck": 0.0} and standing.best.value == 3.0
    config = RunFolder(home.runs / standing.best.run).config()
    assert (config.sweep, config.params["stake"], config.arm) == (sweep.id, 3.0, f"trial {standing.best.number}")
    assert look(home, folder, recipe("wager")) == standing == told[-1]


def test_that_no_more_is_submitted_than_the_lane_can_use(home):
    runner = ScriptedRunner(home, gains, by_hand=True)
    leave = threading.Event()
    folder = sw.create(home, declared({"stake": "1..9"}))
    thread, _ = driving(runner, folder, leave=leave)
    until(lambda: len(runner.state().queue) == 1)
    assert driven(folder)
    with pytest.raises(KnownTrouble, match="driven already"), alone(folder):
        pass
    leave.set()
    thread.join()
    assert [word for word, _ in runner.asked] == ["submit", "submit"]
    assert not driven(folder)


def looked_at(folder):
    """Let somebody ask for longer than usual whether a sweep is driven; returns while they do."""
    looking = threading.Event()

    def ask():
        with alone(folder):
            looking.set()
            threading.Event().wait(0.05)

    threading.Thread(target=ask).start()
    assert looking.wait(5.0)


def test_that_somebody_who_only_looks_does_not_keep_a_sweep_from_being_driven(home):
    folder = sw.create(home, declared({"stake": "1..9"}))
    looked_at(folder)
    assert not driven(folder)
    looked_at(folder)
    with alone(folder):
        pass


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_that_an_interrupted_sweep_tries_what_an_uninterrupted_one_does(home, sampler):
    sweep = declared({"stake": "1..50:log", "luck": "0..1"}, sampler=sampler, runs=8, seed=3)
    _, whole, _ = driven_to_its_end(home, sweep)
    again = msgspec.structs.replace(sweep, id=sweep.id + "-b")
    folder, leave = sw.create(home, again), threading.Event()

    def tell(standing):
        if standing.over >= 3:
            leave.set()

    part = drive(ScriptedRunner(home, gains), recipe("wager"), folder, tell, leave=leave)
    assert 3 <= part.over < 8
    rest = drive(ScriptedRunner(home, gains), recipe("wager"), folder, lambda _: None)
    assert [trial.params for trial in rest.trials] == [trial.params for trial in whole.trials]


def test_that_a_run_that_no_worker_heard_of_is_queued_when_the_sweep_is_taken_up(home):
    class Killed(ScriptedRunner):
        def submit(self, config, *, first=False):
            raise KnownTrouble(self.prepare(config).id, expected="", received="", fix="")

    folder = sw.create(home, declared({"luck": "0..1"}, sampler="random", runs=2, seed=1))
    with pytest.raises(KnownTrouble) as killed:
        drive(Killed(home, gains), recipe("wager"), folder, lambda _: None)
    whole = drive(ScriptedRunner(home, gains), recipe("wager"), folder, lambda _: None)
    assert [trial.state for trial in whole.trials] == ["finished", "finished"]
    assert whole.trials[0].run == killed.value.what


def test_that_other_seeds_try_other_values(home):
    first, second = (declared({"luck": "0..1"}, sampler="random", runs=3, seed=seed) for seed in (1, 2))
    tried = [[trial.params for trial in driven_to_its_end(home, one)[1].trials] for one in (first, second)]
    assert tried[0] != tried[1]


def test_that_failed_runs_are_told_as_failed_and_the_sweep_goes_on(home):
    def script(folder):
        if folder.config().params["stake"] == 2.0:
            yield ev.Failed(problem=ProblemRecord("lost everything"))
        else:
            yield from gains(folder)

    _, standing, _ = driven_to_its_end(home, declared({"stake": "1,2,3"}, sampler="grid"), script)
    states = {trial.params["stake"]: (trial.state, trial.note) for trial in standing.trials}
    assert states == {1.0: ("finished", ""), 2.0: ("failed", "lost everything"), 3.0: ("finished", "")}
    assert [trial.state for trial in sw.by_value(standing)] == ["finished", "finished", "failed"]


def test_that_a_hopeless_run_is_cancelled_and_told_as_pruned(home):
    sweep = declared({"stake": "10,9,8,1"}, sampler="grid", pruner="median")
    folder, runner, stop = sw.create(home, sweep), ScriptedRunner(home, gains, by_hand=True), threading.Event()
    thread, found = driving(runner, folder, stop=stop)
    for count in (2, 3, 4):
        until(lambda count=count: sum(word == "submit" for word, _ in runner.asked) >= count)
        runner.play(4)
    last = runner.state().running
    runner.play(2)  # far below what the others had at their half
    thread.join()
    assert ("cancel", last) in runner.asked
    assert [trial.state for trial in found[0].trials] == ["finished", "finished", "finished", "pruned"]
    assert found[0].trials[3].value == 0.5


def test_that_a_stopped_sweep_is_taken_up_where_it_stood(home):
    sweep = declared({"stake": "1,2,3,4"}, sampler="grid")
    folder, runner, stop = sw.create(home, sweep), ScriptedRunner(home, gains, by_hand=True), threading.Event()
    thread, found = driving(runner, folder, stop=stop)
    until(lambda: len(runner.state().queue) == 1)
    runner.play(4)
    until(lambda: len(runner.state().queue) == 1)
    stop.set()
    thread.join()
    assert [trial.state for trial in found[0].trials] == ["finished", "stopped", "stopped"]
    assert not found[0].complete
    assert not runner.state().running and not runner.state().queue
    whole = drive(ScriptedRunner(home, gains), recipe("wager"), folder, lambda _: None)
    assert whole.complete and [trial.value for trial in whole.trials] == [1.0, 2.0, 3.0, 4.0]


def test_that_a_run_cancelled_by_hand_is_not_tried_again(home):
    sweep = declared({"stake": "1,2"}, sampler="grid")
    folder, runner = sw.create(home, sweep), ScriptedRunner(home, gains, by_hand=True)
    thread, found = driving(runner, folder)
    until(lambda: len(runner.state().queue) == 1)
    runner.cancel(runner.state().running)
    until(lambda: runner.state().running)
    runner.play(4)
    thread.join()
    assert [(trial.state, trial.note) for trial in found[0].trials] == [
        ("failed", "cancelled by hand"), ("finished", ""),
    ]  # fmt: skip


def test_that_a_trial_whose_run_was_never_submitted_is_submitted(home):
    sweep = declared({"stake": "1,2"}, sampler="grid")
    folder = sw.create(home, sweep)
    with opened(folder, recipe("wager"), sweep) as study:
        study.propose()  # and killed before anything else
    standing = drive(ScriptedRunner(home, gains), recipe("wager"), folder, lambda _: None)
    assert [trial.value for trial in standing.trials] == [1.0, 2.0]


def test_that_a_metric_that_no_run_reports_ends_the_sweep_after_the_first(home):
    sweep = declared({"stake": "1,2,3,4"}, sampler="grid", metric="gain/validation")
    folder = sw.create(home, sweep)
    with pytest.raises(InputError, match="gain/test") as caught:
        drive(ScriptedRunner(home, gains), recipe("wager"), folder, lambda _: None)
    assert "gain" in caught.value.fix
    assert len(look(home, folder, recipe("wager")).trials) <= 2


def test_that_a_metric_is_the_result_else_the_best_of_its_series():
    events = [
        ev.Metric(name="f1", value=0.5, step=1, series="train"),
        ev.Metric(name="f1", value=0.7, step=1, series="validation"),
        ev.Metric(name="f1", value=0.6, step=2, series="validation"),
    ]
    sweep = msgspec.structs.replace(declared({"stake": "1..2"}), metric="f1")
    reading = Reading("f1")
    reading.take(events)
    state = JobState(phase="finished")
    assert reading.value(state, sweep) == 0.7
    assert reading.value(msgspec.structs.replace(state, results={"f1": 0.4}), sweep) == 0.4
    reading.take([ev.Resumed(step=0)])
    assert reading.value(state, sweep) is None


# Finding again


def test_that_sweeps_are_found_by_part_of_their_id_and_damaged_ones_say_so(home):
    first = sw.create(home, declared({"stake": "1,2"}))
    assert sw.find_sweep(home, "last") == sw.find_sweep(home, first.id[-6:]) == first
    with pytest.raises(InputError, match="No single sweep"):
        sw.find_sweep(home, "nothing")
    (first.path / "sweep.json").write_text("{")
    with pytest.raises(InputError, match="not a readable sweep"):
        first.sweep()


def test_that_a_real_worker_carries_a_sweep_out(runner):
    sweep = declared({"steps": "2,3,4"}, name="trials", params={"step_s": 0.0}, sampler="grid", metric="value")
    folder = sw.create(runner.home, sweep)
    standing = drive(runner, recipe("trials"), folder, lambda _: None)
    assert [trial.state for trial in standing.trials] == ["finished"] * 3
    ends = [ended(RunFolder(runner.home.runs / trial.run)).results["value"] for trial in standing.trials]
    assert [trial.value for trial in standing.trials] == ends


def test_that_a_stopped_run_is_continued_from_its_checkpoint(runner):
    params = {"step_s": 0.05, "every": 2}
    sweep = declared({"steps": "30,31"}, name="trials", params=params, sampler="grid", metric="value")
    folder, stop, seen = sw.create(runner.home, sweep), threading.Event(), []

    def tell(standing):
        run = standing.trials[0].run if standing.trials else ""
        if run and RunFolder(runner.home.runs / run).state().checkpoint_step >= 4:
            seen.append(run)
            stop.set()

    stood = drive(runner, recipe("trials"), folder, tell, stop=stop)
    assert [trial.state for trial in stood.trials] == ["stopped", "stopped"]
    whole = drive(runner, recipe("trials"), folder, lambda _: None)
    assert [trial.state for trial in whole.trials] == ["finished", "finished"]
    assert whole.trials[0].run == seen[0]
    assert ended(RunFolder(runner.home.runs / seen[0])).attempt == 2


def test_that_a_sweep_whose_terminal_was_killed_is_taken_up(runner):
    words = [
        "sweep",
        "trials",
        "--space",
        "steps=5,6,7,8",
        "--sampler",
        "grid",
        "--step-s",
        "0.05",
        "--metric",
        "value",
    ]
    command = subprocess.Popen([sys.executable, "-m", "workbench", *words], stderr=subprocess.DEVNULL)
    until(lambda: sw.sweeps(runner.home))
    folder = sw.sweeps(runner.home)[0]
    until(lambda: any(trial.state == "finished" for trial in look(runner.home, folder, recipe("trials")).trials))
    command.kill()
    command.wait()
    assert not driven(folder)
    before = look(runner.home, folder, recipe("trials"))
    whole = drive(runner, recipe("trials"), folder, lambda _: None)
    assert [trial.params["steps"] for trial in whole.trials] == [5, 6, 7, 8]
    assert [trial.state for trial in whole.trials] == ["finished"] * 4
    known = {trial.number: trial.run for trial in before.trials if trial.run}
    assert known and all(whole.trials[number].run == run for number, run in known.items())
