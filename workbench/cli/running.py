"""`run` and `claim`: the commands that put the worker to work."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from workbench.cli import output
from workbench.cli.follow import answer, first_interrupt, follow_and_report
from workbench.cli.parser import Namespace, given_knobs, pairs, stop_at, whole_number
from workbench.core.params import knobs, parse
from workbench.core.problem import InputError, Problem, Problems
from workbench.core.recipe import Recipe
from workbench.core.settings import Settings, load
from workbench.recipes import recipe
from workbench.runner.claims import ClaimProgress, agreeing, collect, latest, plan, run_claim
from workbench.runner.launch import unheeded
from workbench.runner.local import LocalRunner
from workbench.runner.prepare import freeze
from workbench.runner.verdicts import ClaimResult
from workbench.store.home import Home, open_home
from workbench.store.runfolder import RunConfig, RunFolder


@contextlib.contextmanager
def runner_of(home: Home) -> Iterator[LocalRunner]:
    """A runner that lets go of its worker at the end; the worker stays."""
    if apart := unheeded(home):
        output.tell(apart)
    runner = LocalRunner(home, client="command line")
    try:
        yield runner
    finally:
        runner.close()


def asked_config(
    asked: Namespace, declared: Recipe, home: Home, problems: list[Problem], *, title: str = ""
) -> RunConfig:
    """The configuration that a command line asks for, not yet checked against the recipe; faults join `problems`."""
    return RunConfig(
        recipe=declared.id,
        params=given_knobs(asked),
        inputs=pairs(asked.input, "--input", problems),
        seed=whole_number(asked.seed, "--seed", problems),
        device=device_of(asked, home, problems),
        preset=asked.preset,
        title=title,
    )


def run(asked: Namespace) -> int:
    """`workbench run NAME`: freeze the configuration, queue it, follow it to its end."""
    problems: list[Problem] = list(asked.problems)
    home = open_home(asked.home)
    declared = recipe(asked.name)
    config = asked_config(asked, declared, home, problems, title=asked.title)
    config = _frozen(config, declared, problems)
    with runner_of(home) as runner:
        answer(runner.attach())
        folder = runner.prepare(config)
        answer(runner.enqueue(folder, first=asked.first))
        if asked.json:
            output.json_line({"type": "submitted", "run": folder.id, "folder": str(folder.path)})
        else:
            output.tell(f"Run {folder.id}")
        if asked.detach:
            return 0
        return follow_and_report(runner, folder, as_json=asked.json)


def _frozen(config: RunConfig, declared: Recipe, problems: list[Problem]) -> RunConfig:
    """The checked configuration; raises Problems that say flags where fields are at fault."""
    try:
        frozen = freeze(config)
    except Problems as several:
        problems.extend(several.problems)
    except InputError as one:
        problems.append(one)
    flags = {one.name: one.flag for one in knobs(declared.params)}
    flags |= {slot: f"--input {slot}" for slot in declared.reads} | {"seed": "--seed", "preset": "--preset"}
    for problem in problems:
        problem.field = flags.get(problem.field, problem.field)
    stop_at(problems)
    return frozen


def device_of(asked: Namespace, home: Home, problems: list[Problem]) -> str:
    """--device, or what the settings say; 'cuda:1' and the like are the worker's to check."""
    chosen = asked.device or load(home.settings).settings.device
    family = chosen.partition(":")[0]
    try:
        parse(next(one for one in knobs(Settings) if one.name == "device"), family)
    except InputError as problem:
        problems.append(problem)
    return str(chosen)


def claim(asked: Namespace) -> int:
    """`workbench claim NAME`: every arm and seed on equal terms, then the verdicts."""
    problems: list[Problem] = list(asked.problems)
    home = open_home(asked.home)
    declared = recipe(asked.name)
    inputs = pairs(asked.input, "--input", problems)
    device = device_of(asked, home, problems)
    name, earlier = _earlier(home, declared) if asked.go_on else ("", {})
    usual = sorted({seed for of_arm in earlier.values() for seed in of_arm}) or [*range(_seed_count(declared))]
    words = asked.seeds.split(",") if asked.seeds else [str(seed) for seed in usual]
    seeds = [whole_number(word.strip(), "--seeds", problems) for word in words]
    overrides = _checked(declared, given_knobs(asked), problems)
    stop_at(problems)
    planned = plan(declared, seeds, overrides, inputs=inputs, device=device, claim=name)
    for config in planned:
        _frozen(config, declared, problems)  # before the worker is bothered
    agreeing(planned, earlier)
    stop = threading.Event()
    lives: dict[str, output.Live] = {}

    def tell(news: ClaimProgress) -> None:
        if asked.json:
            output.json_line({"type": "news", "arm": news.arm, "seed": news.seed, "run": news.run,
                              "phase": news.state.phase, "step": news.state.step, "total": news.state.total,
                              "ended": news.ended, "of": news.total})  # fmt: skip
            return
        name = f"[{news.ended}/{news.total}] {news.arm}, seed {news.seed}: "
        live = lives.setdefault(news.run, output.Live(name))
        live.name = name
        live.show(news.events, news.state)

    with (
        runner_of(home) as runner,
        first_interrupt(stop, "Cancelling the rest. Ctrl+C again leaves at once."),
    ):
        answer(runner.attach())
        result = run_claim(runner, declared, seeds, tell, overrides=overrides, inputs=inputs, device=device, stop=stop,
                           name=name, earlier=earlier)  # fmt: skip
    for live in lives.values():
        live.close()
    output.json_line(result) if asked.json else print_claim(result)
    whole = all(None not in one.values for of_arm in result.arms.values() for one in of_arm.values())
    return 0 if whole and all(result.arms.values()) and not stop.is_set() else 1


def _earlier(home: Home, declared: Recipe) -> tuple[str, dict[str, dict[int, RunFolder]]]:
    """The name of the recipe's last claim and its runs, or InputError where there is none."""
    name = latest(home, declared.id)
    if not name:
        raise InputError(
            f"No claim of {declared.id!r} was carried out here.", expected="an earlier claim to go on with",
            received=f"none in {home.runs}", fix="Leave --continue out.", field="--continue",
        )  # fmt: skip
    return name, collect(home.runs, name)


def _seed_count(declared: Recipe) -> int:
    return declared.claim.seeds if declared.claim is not None else 1


def _checked(declared: Recipe, given: dict[str, str], problems: list[Problem]) -> dict[str, Any]:
    known = {one.name: one for one in knobs(declared.params)}
    accepted = {}
    for name, value in given.items():
        try:
            accepted[name] = parse(known[name], value)
        except InputError as problem:
            problem.field = known[name].flag
            problems.append(problem)
    return accepted


def print_claim(result: ClaimResult) -> None:
    """Per-seed values and means of every arm, then each statement with its verdict."""
    judged = {one.metric for one in result.statements} | {gate.metric for gate in result.gates}
    rows = [
        [arm, metric, *(output.number(value) for value in values.values), output.number(values.mean)]
        for arm, of_arm in result.arms.items()
        for metric, values in of_arm.items()
        if metric in judged
    ]
    if rows:
        output.table(rows, ["arm", "metric", *(f"seed {seed}" for seed in result.seeds), "mean"])
    output.say()
    for gate in result.gates:
        output.say(f"Gate {'met' if gate.met else 'NOT MET'}: {gate.text} ({output.number(gate.value)})")
    for one in result.statements:
        low, high = one.interval
        output.say(f"{one.verdict.upper()}{'' if one.asserted else ' (reported)'}: {one.text}")
        output.say(
            f"    margin {output.number(one.margin)} in [{output.number(low)}, {output.number(high)}], "
            f"asked for {output.number(one.by)}"
        )
    for note in result.notes:
        output.say(f"Note: {note}")
    output.say(f"The claim {'holds' if result.holds else 'does not hold'} here; {output.duration(result.seconds)}.")
