"""Runs held against each other: what was set differently, and what came of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.core.judging import Better, better
from workbench.core.words import number
from workbench.report.gather import Run
from workbench.store.series import best_of, valid
from workbench.store.tracks import MetricTrack


@dataclasses.dataclass(frozen=True)
class Setting:
    """One thing that was set, run by run; an empty text where a run has none of it."""

    group: str
    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs do not agree."""
        return len(set(self.values)) > 1


@dataclasses.dataclass(frozen=True)
class Figure:
    """A number of every run (None where it has none); `winners` are the places of the best."""

    metric: str
    series: str
    what: str
    """'best', 'last' or 'result'."""
    values: tuple[float | None, ...]
    steps: tuple[int | None, ...]
    better: Better

    @property
    def winners(self) -> tuple[int, ...]:
        """Places of the best value, where values differ and one end is better."""
        there = [value for value in self.values if value is not None and math.isfinite(value)]
        if not self.better or len(set(there)) < 2:
            return ()
        top = max(there) if self.better == "high" else min(there)
        return tuple(place for place, value in enumerate(self.values) if value == top)


def settings(runs: Sequence[Run]) -> list[Setting]:
    """Everything that was set: recipe, knobs, inputs, seed, device, versions; each once, in this order."""
    return [
        *_rows("run", [_identity(run) for run in runs]),
        *_rows("knob", [run.config.params for run in runs]),
        *_rows("input", [_inputs(run) for run in runs]),
        *_rows("version", [_versions(run) for run in runs]),
    ]


def figures(runs: Sequence[Run]) -> list[Figure]:
    """Final results, then best and last value of every metric and series."""
    keys = dict.fromkeys((name, series) for run in runs for name, lines in run.metrics.items() for series in lines)
    results = dict.fromkeys(name for run in runs for name in run.state.results)
    found = [_result(runs, name) for name in results]
    for name, series in keys:
        lines = [run.metrics.get(name, {}).get(series) for run in runs]
        if better(name):
            found.append(_figure(name, series, "best", [best_point(line, better(name)) for line in lines]))
        found.append(_figure(name, series, "last", [last_point(line) for line in lines]))
    return found


Point = tuple[int, float] | None


def best_point(line: MetricTrack | None, end: Better) -> Point:
    """Step and value of the best, the first of equals; None where there is no number."""
    if line is None or not end:
        return None
    at = best_of(line.values, end)
    return None if at < 0 else (int(line.steps[at]), float(line.values[at]))


def last_point(line: MetricTrack | None) -> Point:
    """Step and value of the last number that stands."""
    if line is None or len(line) == 0:
        return None
    kept = valid(line.steps)
    return int(line.steps[kept][-1]), float(line.values[kept][-1])


def _figure(name: str, series: str, what: str, points: Sequence[Point]) -> Figure:
    values = tuple(None if point is None else point[1] for point in points)
    steps = tuple(None if point is None else point[0] for point in points)
    return Figure(name, series, what, values, steps, better(name))


def _result(runs: Sequence[Run], name: str) -> Figure:
    values = tuple(run.state.results.get(name) for run in runs)
    return Figure(name, "", "result", values, tuple(None for _ in runs), better(name))


def _rows(group: str, dictionaries: Sequence[Mapping[str, Any]]) -> Iterator[Setting]:
    for name in dict.fromkeys(name for one in dictionaries for name in one):
        yield Setting(group, name, tuple(_text(one.get(name)) for one in dictionaries))


def _identity(run: Run) -> dict[str, Any]:
    config = run.config
    facts = {
        "recipe": config.recipe, "preset": config.preset, "arm": config.arm, "seed": config.seed,
        "device": run.state.device or config.device, "forked from": config.forked_from,
    }  # fmt: skip
    return {name: value for name, value in facts.items() if value != ""}


def _inputs(run: Run) -> dict[str, str]:
    digests = run.config.digests
    return {
        slot: f"{address} (SHA-256 {digests[slot][:12]})" if digests.get(slot) else address
        for slot, address in run.config.inputs.items()
    }


def _versions(run: Run) -> dict[str, Any]:
    return {"recipe version": run.config.recipe_version, **run.config.packages}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value, 6) if isinstance(value, float) else str(value)
