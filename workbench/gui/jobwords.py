"""What the job panel says of a job: its frozen configuration, how far it is, how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.core.events import WorkerState
from workbench.core.job import JobState
from workbench.core.params import knobs, values_of
from workbench.core.recipe import Recipe
from workbench.core.words import count, number, size
from workbench.gui.jobtail import Word
from workbench.gui.topline import describe
from workbench.store.runfolder import RunConfig

ENDING = {
    "cancelling": "cancelling… waits for its process to go; by force after 5 s",
    "keeping": "stopping… it finishes its step and keeps the model",
}


def facts(config: RunConfig) -> str:
    """Preset, arm and seed: what tells one run of a recipe from the next."""
    parts = [config.preset, f"arm {config.arm}" if config.arm else "", f"seed {config.seed}"]
    return " · ".join([*(part for part in parts if part), *(_place(value) for value in config.inputs.values())])


def _place(value: str) -> str:
    return value.removeprefix("sample:") if value.startswith("sample:") else Path(value).name


def differences(recipe: Recipe | None, config: RunConfig) -> list[str]:
    """The frozen knobs that differ from the preset: 'Epochs 12 (desk: 3)'."""
    if recipe is None or (config.preset or "desk") not in recipe.presets:
        return [f"{name} {_shown(value)}" for name, value in config.params.items()]
    name = config.preset or "desk"
    preset = values_of(recipe.preset(name))
    return [
        f"{one.title} {_shown(config.params[one.name])} ({name}: {_shown(preset[one.name])})"
        for one in knobs(recipe.params)
        if one.name in config.params and config.params[one.name] != preset[one.name]
    ]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return number(float(value), 6)
    return str(value) if value else "none"


def frozen(recipe: Recipe | None, config: RunConfig) -> str:
    """The configuration as it was queued, in one paragraph."""
    found = differences(recipe, config)
    preset = config.preset or "desk"
    changed = "; ".join(found) if found else f"every knob as in the preset {preset}"
    return f"Frozen when it was queued: {changed}."


def going(state: WorkerState, word: Word) -> str:
    """The running job: what the worker says of its end goes before what its own events say."""
    if state.ending:
        return ENDING.get(state.ending, f"{state.ending}…")
    if word.state.phase in ("new", "queued"):
        return "starting: its process is being made ready"
    return describe(word.state)


def measures(word: Word) -> str:
    """Memory, forecast, what live pictures cost, and where it runs."""
    state = word.state
    parts = [f"{size(state.memory_bytes)} used" if state.memory_bytes else ""]
    parts.append(f"forecast at the start {word.forecast}" if word.forecast else "")
    parts.append(f"previews {100 * state.preview_share:.0f} % of the time" if state.step else "")
    parts += [state.device, f"attempt {state.attempt}" if state.attempt > 1 else ""]
    return " · ".join(part for part in parts if part)


def answering(state: WorkerState) -> str:
    """The interactive lane in one line."""
    if not state.interactive:
        return ""
    what = "starting its process" if state.interactive == "starting" else state.interactive
    more = f" · {count(state.questions, 'more question')} waiting" if state.questions else ""
    return f"{what}…{more}"


def outcome(state: JobState) -> tuple[str, str]:
    """How a run ended, and the colour role that says the same."""
    role = {"finished": "ok", "failed": "error"}.get(state.phase, "dim")
    if state.phase == "failed" and state.problem is not None:
        return f"{describe(state)}: {state.problem.what}", role
    return describe(state), role
