"""The verdicts of a claim, from its finished runs: margins, intervals, and what could not be judged.

The interval of a statement with Outcomes comes from a hierarchical paired bootstrap: seeds are
drawn, then items, the same ones for both arms. A few resampled seeds understate how much seeds
differ (three of them cover the truth 73 % of the time where seeds dominate, not 95 %), so the
interval is never narrower than Student's t on the paired differences of the seeds. Without
Outcomes it is that t interval. numpy only; the same runs always give the same numbers.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core import claim as core
from workbench.core import events as ev
from workbench.core.problem import InputError, KnownTrouble, Problem
from workbench.core.recipe import Recipe
from workbench.runner.signs import signs
from workbench.store.runfolder import RunFolder

Runs = Mapping[str, Mapping[int, RunFolder]]
"""The runs of a claim by arm and seed."""

DRAWS = 2000
MOST_ITEMS = 4000
"""More items than this are first summed in random groups: as good, and bounded in time and memory."""
LEVEL = 0.95

# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


class Values(msgspec.Struct, frozen=True):
    """One metric of one arm: a value per seed (null where the run gave none) and their mean."""

    values: list[float | None]
    mean: float | None


class GateResult(msgspec.Struct, frozen=True):
    """What a gate asked for and what its arm reached on average."""

    text: str
    metric: str
    arm: str
    least: float
    most: float | None
    value: float | None
    met: bool


class ClaimResult(msgspec.Struct, frozen=True):
    """The outcome of a claim; `notes` says what was missing or limits the verdicts.

    A margin or interval end that cannot be known is null in JSON.
    """

    recipe: str
    seeds: list[int]
    arms: dict[str, dict[str, Values]]
    statements: list[core.Judged]
    holds: bool
    seconds: float
    gates: list[GateResult] = []
    notes: list[str] = []


def claim_of(recipe: Recipe) -> core.Claim:
    """The claim of a recipe; raises InputError where it makes none."""
    if recipe.claim is None:
        raise InputError(
            f"The recipe {recipe.id!r} makes no claim.",
            expected="a recipe that declares one",
            received=recipe.id,
            fix="'workbench recipes' shows which do.",
            field="recipe",
        )
    return recipe.claim


def judge(recipe: Recipe, runs: Runs, *, seeds: Sequence[int] = ()) -> ClaimResult:
    """Verdicts on a recipe's claim from its finished runs; what is missing becomes a note.

    Statements about what none of the finished runs measures, since their data does not allow it, are left out and
    noted; a claim of which an asserted one is left out does not hold as a whole.
    """
    claim = claim_of(recipe)
    order = list(seeds) or sorted({seed for of_arm in runs.values() for seed in of_arm})
    judging = _Judging(claim, runs, order)
    gates = [judging.gate(gate) for gate in claim.gates]
    met = all(gate.met for gate in gates)
    left_out = [one for one in claim.statements if judging.unmeasured(one)]
    statements = [judging.statement(one, met=met) for one in claim.statements if one not in left_out]
    judging.notes += [f"Left out, since no run measured {one.metric} on this data: {one.text}" for one in left_out]
    return ClaimResult(
        recipe=recipe.id,
        seeds=order,
        arms={arm: judging.values(arm) for arm in claim.arms},
        statements=statements,
        holds=all(one.verdict == "holds" for one in statements if one.asserted)
        and not any(one.asserted for one in left_out),
        seconds=judging.seconds(),
        gates=gates,
        notes=judging.notes,
    )


class _Judging:
    """The finished runs of a claim and what is read from them."""

    def __init__(self, claim: core.Claim, runs: Runs, seeds: list[int]) -> None:
        self.runs, self.seeds, self.notes = runs, seeds, list[str]()
        self.states = {arm: {seed: folder.state() for seed, folder in runs.get(arm, {}).items()} for arm in claim.arms}
        for arm in claim.arms:
            for seed in seeds:
                if trouble := self._trouble(arm, seed):
                    self.notes.append(trouble)
        if len(seeds) == 1:
            self.notes.append("One seed: nothing is known of how much seeds differ.")

    def _trouble(self, arm: str, seed: int) -> str:
        state = self.states[arm].get(seed)
        if state is None:
            return f"{arm}, seed {seed}: there is no run."
        if state.phase == "failed" and state.problem is not None:
            return f"{arm}, seed {seed}: failed. {state.problem.what}"
        if state.kept_early:
            return f"{arm}, seed {seed}: stopped early; its budget is not that of the others."
        return "" if state.phase == "finished" else f"{arm}, seed {seed}: {state.phase}."

    def value(self, arm: str, seed: int, metric: str) -> float | None:
        """A final number; None unless the run finished with its whole budget and the number is finite."""
        state = self.states[arm].get(seed)
        if state is None or state.phase != "finished" or state.kept_early:
            return None
        value = state.results.get(metric)
        return value if value is not None and math.isfinite(value) else None

    def values(self, arm: str) -> dict[str, Values]:
        """Every metric that any run of an arm ended with."""
        names = sorted({name for state in self.states[arm].values() for name in state.results})
        table = {name: [self.value(arm, seed, name) for seed in self.seeds] for name in names}
        return {name: Values(values, _mean(values)) for name, values in table.items()}

    def gate(self, gate: core.Gate) -> GateResult:
        """Whether an arm's mean lies where the gate wants it; an arm without values does not."""
        value = _mean([self.value(gate.arm, seed, gate.metric) for seed in self.seeds])
        met = value is not None and gate.least <= value <= gate.most
        most = gate.most if math.isfinite(gate.most) else None
        return GateResult(gate.text, gate.metric, gate.arm, gate.least, most, value, met)

    def unmeasured(self, one: core.Better) -> bool:
        """Whether both arms finished all their runs and none of them tells the statement's numbers."""
        states = [self.states[arm].get(seed) for arm in (one.better, one.than) for seed in self.seeds]
        done = [state for state in states if state is not None and state.phase == "finished"]
        names = set(one.of or (one.metric,))
        return bool(done) and len(done) == len(states) and not any(names & state.results.keys() for state in done)

    def statement(self, one: core.Better, *, met: bool) -> core.Judged:
        """A statement's margin over the seeds that both arms finished, its interval, its verdict."""
        if one.of:
            return self._counted(one, met=met)
        pairs = {
            seed: (better, than)
            for seed in self.seeds
            if (better := self.value(one.better, seed, one.metric)) is not None
            and (than := self.value(one.than, seed, one.metric)) is not None
        }
        sign = -1.0 if one.lower else 1.0
        differences = [sign * (better - than) for better, than in pairs.values()]
        margin = statistics.fmean(differences) if differences else math.nan
        low, high = self._interval(one, list(pairs), differences, sign)
        verdict = core.verdict(margin=margin, interval=(low, high), by=one.by) if met else "gate not met"
        return core.Judged(
            one.text, one.metric, one.better, one.than, one.by, margin, (low, high), one.asserted, verdict
        )

    def _counted(self, one: core.Better, *, met: bool) -> core.Judged:
        """How many metrics are won, less how many are lost, on average over the seeds; ties count half to each."""
        pairs = [
            [(self.value(one.better, seed, name), self.value(one.than, seed, name)) for name in one.of]
            for seed in self.seeds
        ]
        margin, interval = signs(pairs, lower=one.lower)
        verdict = core.verdict(margin=margin, interval=interval, by=one.by) if met else "gate not met"
        return core.Judged(one.text, one.metric, one.better, one.than, one.by, margin, interval, one.asserted, verdict)

    def _interval(
        self, one: core.Better, seeds: list[int], differences: list[float], sign: float
    ) -> tuple[float, float]:
        of_seeds = student_interval(differences)
        if not one.items or not seeds:
            return of_seeds
        try:
            pairs = [self._outcomes(one, seed) for seed in seeds]
        except Problem as problem:
            self.notes.append(f"{one.text}: interval from the seeds alone. {problem.what}")
            return of_seeds
        of_items = bootstrap_interval([(better, than) for better, than, _ in pairs], measure=pairs[0][2])
        low, high = sorted((sign * of_items[0], sign * of_items[1]))
        if math.isnan(of_seeds[0]):
            return low, high
        return min(low, of_seeds[0]), max(high, of_seeds[1])

    def _outcomes(self, one: core.Better, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
        better, measure = outcomes(self.runs[one.better][seed], one.items)
        than, other = outcomes(self.runs[one.than][seed], one.items)
        if better.shape != than.shape or measure != other:
            raise KnownTrouble(f"The items of {one.better} and {one.than}, seed {seed}, are not the same.")
        for arm, counts in ((one.better, better), (one.than, than)):
            value = float(measured(counts.sum(axis=0), len(counts), measure))
            told = self.value(arm, seed, one.metric)
            if told is None or abs(value - told) > 1e-3:
                raise KnownTrouble(f"The items of {arm}, seed {seed}, give {value:.4f} and its run told {told}.")
        return better, than, measure

    def seconds(self) -> float:
        """From the first run's start to the last one's end."""
        states = [state for of_arm in self.states.values() for state in of_arm.values()]
        begun = [state.started_at for state in states if state.started_at]
        ended = [state.ended_at for state in states if state.ended_at]
        return max(ended) - min(begun) if begun and ended else 0.0


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def student_interval(differences: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of a mean from paired differences, one per seed; unknown (NaN) below two."""
    count = len(differences)
    if count < 2:
        return math.nan, math.nan
    quantile = _STUDENT[count - 2] if count - 2 < len(_STUDENT) else 1.96 + 2.5 / (count - 1)
    mean = statistics.fmean(differences)
    half = quantile * statistics.stdev(differences) / math.sqrt(count)
    return mean - half, mean + half


# Resampling items ---------------------------------------------------------------------------


def outcomes(folder: RunFolder, slot: str) -> tuple[NDArray[np.float64], str]:
    """The per-item counts (N, k) that a run ended with in an Outcomes slot, and their measure.

    The artifact's meta may name the measure: 'mean' (of the first column), 'ratio' (sum of the
    first over sum of the second), 'f1' (columns in threes of true positives, false positives and
    false negatives, pooled), 'macro_f1' (the same, averaged over the threes). Without it, k tells:
    1 is a mean, 2 a ratio, a multiple of 3 is f1. Raises KnownTrouble where nothing usable stands.
    """
    found = [event for event in folder.events() if isinstance(event, ev.Artifact) and event.slot == slot]
    if not found:
        raise KnownTrouble(f"The run {folder.id} wrote no {slot!r}.")
    try:
        counts = np.asarray(np.load(folder.path / found[-1].path, allow_pickle=False), dtype=np.float64)
    except (OSError, ValueError) as error:
        raise KnownTrouble(f"The {slot!r} of run {folder.id} cannot be read: {error}") from None
    if counts.ndim != 2 or not counts.size:
        raise KnownTrouble(f"The {slot!r} of run {folder.id} has shape {counts.shape}; expected (items, counts).")
    return counts, str(found[-1].meta.get("measure") or _guess(counts.shape[1]))


def _guess(columns: int) -> str:
    return {1: "mean", 2: "ratio"}.get(columns, "f1")


def measured(sums: NDArray[np.float64], items: int, measure: str) -> NDArray[np.float64]:
    """A metric from counts summed over items, (..., k) to (...); see `outcomes` for the measures."""
    if measure == "mean":
        return np.asarray(sums[..., 0] / items)
    if measure == "ratio":
        return np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1e-12))
    if measure not in ("f1", "macro_f1") or sums.shape[-1] % 3:
        raise KnownTrouble(f"Unknown measure {measure!r} for {sums.shape[-1]} counts per item.")
    threes = sums.reshape(*sums.shape[:-1], -1, 3)
    if measure == "f1":
        threes = threes.sum(axis=-2, keepdims=True)
    hits, errors = threes[..., 0], threes[..., 1] + threes[..., 2]
    scores = np.where(hits + errors > 0, 2 * hits / np.maximum(2 * hits + errors, 1e-12), 0.0)
    return np.asarray(scores.mean(axis=-1))


def bootstrap_interval(
    pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    *,
    measure: str,
    draws: int = DRAWS,
    seed: int = 20200401,
) -> tuple[float, float]:
    """The 95 % percentile interval of a paired difference, resampling seeds and items within them.

    `pairs` holds the counts (N, k) of both arms per seed, the same items in both. Where all seeds
    have as many items, one draw of items serves all seeds: that is right for a test set they share
    and for one of each seed's own.
    """
    chance = np.random.default_rng(seed)
    shared = len({len(better) for better, _ in pairs}) == 1
    groups = [_grouped(better, than, np.random.default_rng(seed)) for better, than in pairs]
    items = [len(better) for better, _ in pairs]
    differences = np.empty((draws, len(pairs)))
    weights: NDArray[np.float64] | None = None
    for place, (better, than) in enumerate(groups):
        if weights is None or not shared:
            weights = _weights(len(better), draws, chance)
        scores = [measured(weights @ counts, items[place], measure) for counts in (better, than)]
        differences[:, place] = scores[0] - scores[1]
    drawn = chance.integers(0, len(pairs), differences.shape)
    means = np.take_along_axis(differences, drawn, axis=1).mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _weights(items: int, draws: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """How often each item is drawn, (draws, items)."""
    return chance.multinomial(items, np.full(items, 1 / items), size=draws).astype(np.float64)


def _grouped(
    better: NDArray[np.float64], than: NDArray[np.float64], chance: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(better) <= MOST_ITEMS:
        return better, than
    order = chance.permutation(len(better))
    starts = np.linspace(0, len(better), MOST_ITEMS, endpoint=False).astype(int)
    return np.add.reduceat(better[order], starts), np.add.reduceat(than[order], starts)
