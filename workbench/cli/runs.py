"""`runs`: the history, and what can be done with a run in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from workbench.cli import output
from workbench.cli.follow import answer, follow_and_report, print_end
from workbench.cli.output import json_line, number, say, table
from workbench.cli.parser import Namespace, stop_at
from workbench.cli.running import runner_of
from workbench.core import events as ev
from workbench.core.job import ALIVE, ENDED, JobState, advance
from workbench.core.problem import InputError
from workbench.store.archive import import_run
from workbench.store.home import Home, open_home
from workbench.store.index import Index
from workbench.store.runfolder import EventTail, RunFolder, find_run

LONGEST_WAIT_S = 3.0
"""A pause in a replay is never longer than this."""


def _home(asked: Namespace) -> Home:
    stop_at(asked.problems)
    return open_home(asked.home)


def _run(asked: Namespace) -> RunFolder:
    return find_run(_home(asked).runs, asked.run)


def _spent(state: JobState) -> str:
    return output.duration((state.ended_at or time.time()) - state.started_at) if state.started_at else "–"


def show(asked: Namespace) -> int:
    """`runs show RUN`: its configuration, state, numbers and files."""
    folder = _run(asked)
    config, state = folder.config(), folder.state()
    artifacts = [event for event in folder.events() if isinstance(event, ev.Artifact)]
    if asked.json:
        json_line(
            {
                "run": folder.id,
                "folder": str(folder.path),
                "config": config,
                "state": state,
                "artifacts": artifacts,
                "model": str(folder.model) if folder.model.is_dir() else "",
            }
        )
        return 0
    facts = {
        "run": folder.id,
        "recipe": config.recipe,
        "preset": config.preset,
        "title": config.title,
        "state": f"{state.phase}, step {state.step} of {state.total}",
        "time": _spent(state),
        "device": state.device,
        "seed": str(config.seed),
        **{f"input {slot}": value for slot, value in config.inputs.items()},
        "model": str(folder.model) if folder.model.is_dir() else "",
        "folder": str(folder.path),
    }
    table([[name, value] for name, value in facts.items() if value])
    say("\nKnobs")
    table([[f"  {name}", str(value)] for name, value in config.params.items()])
    if state.results:
        say("\nResults")
        table([[f"  {name}", number(value)] for name, value in state.results.items()])
    if artifacts:
        say("\nArtifacts")
        latest = {one.slot: one for one in artifacts}
        table([[f"  {slot}", one.kind, f"step {one.step}", one.path] for slot, one in latest.items()])
    if state.problem is not None:
        say("\n" + state.problem.text())
    return 0


def compare(asked: Namespace) -> int:
    """`runs compare RUN RUN …`: the knobs that differ, and the numbers side by side."""
    home = _home(asked)
    chosen = {find_run(home.runs, name).id for name in asked.runs}
    rows = [row for row in Index(home.index, home.runs).refresh() if row.id in chosen]
    if len(rows) < 2:
        raise InputError(
            "Comparing takes two runs or more.",
            expected="two different runs of this home",
            received=", ".join(asked.runs),
            fix="'workbench runs list' shows them.",
            field="run",
        )
    knobs = _differing([{**row.config.params, **row.config.inputs, "seed": row.config.seed} for row in rows])
    results = _aligned([row.state.results or row.last for row in rows])
    if asked.json:
        for place, row in enumerate(rows):
            differs = {name: values[place] for name, values in knobs.items()}
            json_line(
                {
                    "run": row.id,
                    "differs": differs,
                    "results": row.state.results,
                    "last": row.last,
                    "highest": row.highest,
                    "lowest": row.lowest,
                }
            )
        return 0
    header = ["", *(row.id for row in rows)]
    lines = [[name, *(str(value) for value in values)] for name, values in knobs.items()]
    table([*lines, *([name, *(number(value) for value in values)] for name, values in results.items())], header)
    return 0


def _differing(dictionaries: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    table_ = _aligned(dictionaries)
    return {name: values for name, values in table_.items() if any(value != values[0] for value in values)}


def _aligned(dictionaries: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for one in dictionaries for name in one)
    return {name: [one.get(name) for one in dictionaries] for name in names}


def replay(asked: Namespace) -> int:
    """`runs replay RUN`: its events again, as they came; --speed 1 takes as long as the run did."""
    folder = _run(asked)
    live, state = output.Live(quiet=asked.json), JobState()
    for event, wait_s in _timed(folder.events(), asked.speed):
        time.sleep(wait_s)
        state = advance(state, event)
        if asked.json:
            json_line(event)
        live.show([event], state)
    live.close()
    if state.phase in ENDED and not asked.json:
        print_end(folder, state, as_json=False)
    return 0


def _timed(events: Iterable[ev.AnyEvent], speed: float) -> Iterable[tuple[ev.AnyEvent, float]]:
    before = None
    for event in events:
        wait_s = (event.t - before) / speed if speed > 0 and before is not None else 0.0
        yield event, min(max(wait_s, 0.0), LONGEST_WAIT_S)
        before = event.t


def import_(asked: Namespace) -> int:
    """`runs import FILE`: an exported run into the history."""
    home = _home(asked)
    folder = import_run(asked.file, home.runs)
    _told(asked, {"run": folder.id, "folder": str(folder.path)}, f"Imported {folder.id}")
    return 0


def _told(asked: Namespace, document: dict[str, Any], words: str) -> None:
    json_line(document) if asked.json else say(words)


def resume(asked: Namespace) -> int:
    """`runs resume RUN`: let a paused run go on, or continue an ended one from its checkpoint."""
    folder = _run(asked)
    before, tail = folder.state(), EventTail(folder.events_path)
    if before.phase not in ALIVE and not before.resumable:
        raise InputError(
            "This run cannot be continued.",
            expected="a paused run, or one that ended with a checkpoint",
            received=f"a {before.phase} run",
            fix="Start it again: workbench run …",
            field="run",
        )
    tail.read()
    with runner_of(_home(asked)) as runner:
        answer(runner.resume(folder.id))
        if asked.detach:
            _told(asked, {"type": "resumed", "run": folder.id}, f"Resumed {folder.id}")
            return 0
        state = msgspec.structs.replace(before, phase="queued", problem=None)
        return follow_and_report(runner, folder, as_json=asked.json, tail=tail, state=state)


def cancel(asked: Namespace) -> int:
    """`runs cancel RUN`: end it, with --keep as a finished run that keeps its model."""
    return _until(asked, lambda runner, run: runner.cancel(run, keep=asked.keep), "ended", lambda phase: phase in ENDED)


def pause(asked: Namespace) -> int:
    """`runs pause RUN`: hold it still, its memory kept."""
    return _until(asked, lambda runner, run: runner.pause(run), "paused", lambda phase: phase not in ("running", "new"))


def _until(asked: Namespace, ask: Callable[[Any, str], Any], goal: str, reached: Callable[[str], bool]) -> int:
    folder = _run(asked)
    state = folder.state()
    if state.phase in ENDED:
        raise InputError(
            "This run has ended already.",
            expected="a queued, running or paused run",
            received=f"a {state.phase} run",
            fix="'workbench runs list' shows what goes on.",
            field="run",
        )
    with runner_of(_home(asked)) as runner:
        answer(ask(runner, folder.id))
        deadline = time.monotonic() + 30
        while not reached(folder.state().phase) and time.monotonic() < deadline:
            time.sleep(0.1)
    state = folder.state()
    _told(asked, {"run": folder.id, "phase": state.phase}, f"{folder.id}: {state.phase}")
    if not reached(state.phase):
        output.tell(f"It was asked to be {goal} and has not got there within 30 s.")
        return 1
    return 0
