"""The double keeps the runner's promises, so that tests of windows mean something."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import msgspec
import pytest

from tests.plugins.fixtures import ended, trial
from workbench.core import events as ev
from workbench.core.documents import TextDoc
from workbench.core.problem import InputError, KnownTrouble
from workbench.runner.base import Runner
from workbench.runner.local import LocalRunner
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import Home
from workbench.store.runfolder import RunFolder

pytestmark = pytest.mark.usefixtures("trials")
LOSSES = [ev.Metric(name="loss", value=1.0 / step, step=step, series="train") for step in range(1, 6)]


@pytest.mark.parametrize("kind", [LocalRunner, ScriptedRunner])
def test_that_runners_have_every_method_with_the_same_parameters(kind: type) -> None:
    for name, promised in vars(Runner).items():
        if not name.startswith("_") and callable(promised):
            given, asked = (inspect.signature(one).parameters.values() for one in (getattr(kind, name), promised))
            assert [(one.name, one.kind, one.default) for one in given] == [
                (one.name, one.kind, one.default) for one in asked
            ], name


def test_that_a_script_plays_at_once_into_a_real_folder(home: Home) -> None:
    runner = ScriptedRunner(home, LOSSES)
    seen: list[str] = []
    runner.watch(lambda state: seen.append(state.running))
    folder = runner.submit(trial())
    kinds = [type(event) for event in folder.events()]
    assert kinds == [ev.Queued, ev.Started, *[ev.Metric] * 5, ev.Finished]
    assert folder.state().phase == "finished"
    times = [event.t for event in folder.events()]
    assert times == sorted(times)
    assert seen[-1] == ""


def test_that_a_script_by_hand_can_be_paused_kept_and_cancelled(home: Home) -> None:
    runner = ScriptedRunner(home, LOSSES, by_hand=True)
    one, two, three = (runner.submit(trial()) for _ in range(3))
    assert runner.state().queue == (two.id, three.id)
    assert runner.play(2) == 2
    runner.pause(one.id)
    assert runner.play() == 0 and one.state().phase == "paused" and runner.state().paused
    runner.resume(one.id)
    runner.cancel(one.id, keep=True)
    assert one.state().kept_early and runner.state().running == two.id
    runner.cancel(two.id)
    assert two.state().phase == "cancelled" and runner.state().running == three.id
    runner.cancel(three.id)
    runner.resume(three.id)
    assert three.state().attempt == 2
    assert runner.asked[-1] == ("submit", three.id)


def test_that_a_script_may_write_files_and_end_as_it_likes(home: Home) -> None:
    def script(folder: RunFolder) -> Iterator[ev.AnyEvent]:
        (folder.artifacts / "note.json").write_bytes(ev.encode(TextDoc("hello")))
        yield ev.Artifact(slot="note", kind="text", path="artifacts/note.json")
        yield ev.Failed(problem=KnownTrouble("scripted").record())

    folder = ScriptedRunner(home, script).submit(trial())
    assert folder.state().phase == "failed"
    assert (folder.artifacts / "note.json").exists()


def test_that_a_paced_script_plays_by_itself(home: Home) -> None:
    runner = ScriptedRunner(home, LOSSES, pace_s=0.005)
    first, second = runner.submit(trial()), runner.submit(trial())
    assert ended(first).phase == ended(second).phase == "finished"


def test_that_answers_are_documents_problems_or_made_from_the_question(home: Home) -> None:
    runner = ScriptedRunner(
        home,
        answers={"trials": lambda inputs: TextDoc(inputs["text"] + "!"), "data": InputError("odd", field="data")},
    )
    answer = runner.apply("trials", "model", {"text": "hey"}).result(0)
    assert msgspec.json.decode(answer, type=TextDoc).text == "hey!"
    assert isinstance(runner.inspect("data").exception(0), InputError)
    assert isinstance(runner.inspect("unknown").exception(0), KnownTrouble)


def test_that_the_worker_can_be_lost_and_fall_silent(home: Home) -> None:
    runner = ScriptedRunner(home, LOSSES, by_hand=True)
    runner.attach()
    assert runner.state().pid
    runner.fall_silent()
    assert runner.state().silent
    runner.lose()
    assert runner.state().pid == 0
