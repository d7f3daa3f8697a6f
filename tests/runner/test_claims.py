"""Claims are judged honestly: known cases, degenerate ones, and the coverage of the intervals."""

import json
import math
import threading
from concurrent.futures import Future

import msgspec
import numpy as np
import pytest

from workbench.core import events as ev
from workbench.core.claim import Better, Claim, Gate
from workbench.core.kinds import InputKind, Sample, Slot
from workbench.core.params import Params, knob
from workbench.core.problem import InputError, ProblemRecord, Problems
from workbench.core.recipe import TEXT, Paper, Recipe
from workbench.recipes import recipe
from workbench.runner import claims, verdicts
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import open_home
from workbench.store.runfolder import RunConfig, create_run


class Knobs(Params):
    strength: float = knob(0.0, "How strong", low=0.0, high=1.0)
    steps: int = knob(5, "How long", low=1, high=100)


def run_demo(job, params):
    """Does nothing: these tests write the events."""


run_demo.__module__ = "workbench.recipes.text.claim_demo.recipe"


def demo(*statements, gates=()):
    arms = {"plain": Knobs(), "strong": Knobs(strength=1.0)}
    slot = Slot(InputKind("any", (), False, ""), "Data", samples=(Sample("made", "Made", "", True),))
    return Recipe(
        run_demo, TEXT, "Demo", Paper("Demo", 2020), {"data": slot}, {}, {"desk": Knobs()},
        Claim(arms, tuple(statements), tuple(gates)),
    )  # fmt: skip


STRONGER = Better("strong beats plain", "score", "strong", "plain", by=0.05)


@pytest.fixture
def home(tmp_path):
    return open_home(tmp_path / "home")


def finished(home, arm, seed, *, outcomes=None, measure="", kept_early=False, **results):
    folder = create_run(home.runs, RunConfig("claim-demo", {}, seed=seed, arm=arm, claim="demo-1"))
    events = [ev.Started(t=100.0, pid=1)]
    if outcomes is not None:
        np.save(folder.artifacts / "outcomes.npy", np.asarray(outcomes, np.float32))
        meta = {"measure": measure} if measure else {}
        events.append(ev.Artifact(t=101.0, slot="outcomes", kind="outcomes", path="artifacts/outcomes.npy", meta=meta))
    folder.append(*events, ev.Finished(t=110.0 + seed, results=results, kept_early=kept_early))
    return folder


def runs_of(home, plain, strong):
    return {
        arm: {seed: finished(home, arm, seed, score=value) for seed, value in enumerate(values)}
        for arm, values in (("plain", plain), ("strong", strong))
    }


def only(result):
    (statement,) = result.statements
    return statement


# Verdicts -----------------------------------------------------------------------------------


def test_that_a_wide_margin_over_all_seeds_holds(home):
    result = verdicts.judge(demo(STRONGER), runs_of(home, [0.50, 0.51, 0.52], [0.70, 0.71, 0.71]))
    assert only(result).verdict == "holds"
    assert only(result).margin == pytest.approx(0.1967, abs=1e-3)
    assert result.holds
    assert result.notes == []


def test_that_the_t_interval_is_the_textbook_one():
    # Differences 1, 2, 3: mean 2, sd 1, half width 4.303 / sqrt(3).
    low, high = verdicts.student_interval([1.0, 2.0, 3.0])
    assert (low, high) == pytest.approx((2 - 2.4843, 2 + 2.4843), abs=1e-3)


def test_that_seeds_that_disagree_are_not_separated(home):
    result = verdicts.judge(demo(STRONGER), runs_of(home, [0.50, 0.60, 0.55], [0.70, 0.58, 0.69]))
    assert only(result).verdict == "not separated"
    assert not result.holds


def test_that_a_clear_loss_does_not_hold(home):
    result = verdicts.judge(demo(STRONGER), runs_of(home, [0.70, 0.71, 0.71], [0.50, 0.51, 0.52]))
    assert only(result).verdict == "does not hold"


def test_that_a_sure_but_small_gain_does_not_reach_the_asked_margin(home):
    result = verdicts.judge(demo(STRONGER), runs_of(home, [0.500, 0.600, 0.550], [0.510, 0.611, 0.560]))
    assert only(result).verdict == "does not hold"
    assert only(result).interval[0] > 0


def test_that_lower_is_better_turns_the_sign(home):
    less = Better("strong errs less", "score", "strong", "plain", by=0.05, lower=True)
    result = verdicts.judge(demo(less), runs_of(home, [0.70, 0.71, 0.71], [0.50, 0.51, 0.52]))
    assert only(result).verdict == "holds"
    assert only(result).margin > 0


def test_that_a_reported_statement_does_not_decide_the_claim(home):
    reported = Better("strong loses", "score", "plain", "strong", asserted=False)
    result = verdicts.judge(demo(STRONGER, reported), runs_of(home, [0.50, 0.51, 0.52], [0.70, 0.71, 0.71]))
    assert [one.verdict for one in result.statements] == ["holds", "does not hold"]
    assert result.holds


@pytest.mark.parametrize(("least", "most", "met"), [(0.4, 0.6, True), (0.6, 0.9, False), (0.1, 0.4, False)])
def test_that_nothing_is_judged_behind_a_gate_that_is_not_met(home, least, most, met):
    recipe = demo(STRONGER, gates=[Gate("plain is fair", "score", "plain", least, most)])
    result = verdicts.judge(recipe, runs_of(home, [0.50, 0.51, 0.52], [0.70, 0.71, 0.71]))
    assert result.gates[0].met is met
    assert only(result).verdict == ("holds" if met else "gate not met")
    assert result.holds is met
    assert not math.isnan(only(result).margin)


# Degenerate cases ---------------------------------------------------------------------------


def test_that_one_seed_without_items_separates_nothing(home):
    result = verdicts.judge(demo(STRONGER), runs_of(home, [0.5], [0.9]))
    assert only(result).verdict == "not separated"
    assert math.isnan(only(result).interval[0])
    assert any("One seed" in note for note in result.notes)


def test_that_equal_arms_do_not_hold(home):
    result = verdicts.judge(demo(STRONGER), runs_of(home, [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]))
    assert only(result).margin == 0
    assert only(result).interval == (0, 0)
    assert only(result).verdict == "does not hold"


def test_that_a_missing_run_is_left_out_of_the_pairs_and_noted(home):
    runs = runs_of(home, [0.50, 0.51, 0.52], [0.70, 0.71, 0.72])
    del runs["strong"][1]
    result = verdicts.judge(demo(STRONGER), runs)
    assert result.arms["strong"]["score"].values == [0.70, None, 0.72]
    assert only(result).margin == pytest.approx(0.2)
    assert result.notes == ["strong, seed 1: there is no run."]


def test_that_a_failed_run_gives_no_number_and_says_why(home):
    runs = runs_of(home, [0.50, 0.51, 0.52], [0.70, 0.71, 0.72])
    folder = create_run(home.runs, RunConfig("claim-demo", {}, seed=2, arm="strong"))
    folder.append(ev.Started(t=1.0), ev.Failed(t=2.0, problem=ProblemRecord("The disk is full.")))
    runs["strong"][2] = folder
    result = verdicts.judge(demo(STRONGER), runs)
    assert result.arms["strong"]["score"].values[2] is None
    assert result.notes == ["strong, seed 2: failed. The disk is full."]


def test_that_a_statement_about_what_no_run_measures_is_left_out_and_told(home):
    unseen = Better("strong is nearer to the truth", "distance", "strong", "plain", lower=True)
    runs = runs_of(home, [0.50, 0.51, 0.52], [0.70, 0.71, 0.71])
    result = verdicts.judge(demo(STRONGER, unseen), runs)
    assert [one.text for one in result.statements] == [STRONGER.text]
    assert only(result).verdict == "holds"
    assert not result.holds
    assert any("no run measured distance" in note and unseen.text in note for note in result.notes)
    runs["strong"].pop(2)
    assert len(verdicts.judge(demo(STRONGER, unseen), runs, seeds=[0, 1, 2]).statements) == 2


def test_that_a_run_stopped_early_does_not_count(home):
    runs = runs_of(home, [0.50, 0.51, 0.52], [0.70, 0.71, 0.72])
    runs["strong"][0] = finished(home, "strong", 0, score=0.99, kept_early=True)
    result = verdicts.judge(demo(STRONGER), runs)
    assert result.arms["strong"]["score"].values[0] is None
    assert "stopped early" in result.notes[0]


def test_that_a_claim_without_any_run_judges_nothing(home):
    gate = Gate("plain is fair", "score", "plain", 0.1)
    result = verdicts.judge(demo(STRONGER, gates=[gate]), {}, seeds=[1, 2])
    assert only(result).verdict == "gate not met"
    assert not result.holds
    assert verdicts.judge(demo(STRONGER), {}, seeds=[1, 2]).statements[0].verdict == "not separated"


def test_that_the_result_is_json_with_null_for_the_unknown(home):
    text = msgspec.json.encode(verdicts.judge(demo(STRONGER), runs_of(home, [0.5], [0.9])))
    read = json.loads(text)
    assert read["statements"][0]["interval"] == [None, None]
    assert read["arms"]["plain"]["score"] == {"values": [0.5], "mean": 0.5}
    assert {"recipe", "seeds", "arms", "statements", "holds", "seconds"} <= read.keys()
    assert read["seconds"] == 10.0


# Items --------------------------------------------------------------------------------------

PER_ITEM = Better("strong beats plain", "score", "strong", "plain", by=0.0, items="outcomes")


def with_items(home, hits_by_arm, **extra):
    return {
        arm: {
            seed: finished(home, arm, seed, score=float(np.mean(hits)), outcomes=hits[:, None], **extra)
            for seed, hits in enumerate(of_seeds)
        }
        for arm, of_seeds in hits_by_arm.items()
    }


def right(share, items=400, seed=0):
    return (np.random.default_rng(seed).random(items) < share).astype(float)


def test_that_one_seed_with_items_can_be_separated_by_them(home):
    result = verdicts.judge(demo(PER_ITEM), with_items(home, {"plain": [right(0.5)], "strong": [right(0.9, seed=1)]}))
    assert only(result).verdict == "holds"
    assert 0.3 < only(result).interval[0] < only(result).margin < only(result).interval[1] < 0.55


def test_that_the_same_items_in_both_arms_leave_no_interval(home):
    hits = [right(0.7, seed=seed) for seed in range(3)]
    result = verdicts.judge(demo(PER_ITEM), with_items(home, {"plain": hits, "strong": hits}))
    assert only(result).interval == (0, 0)
    assert only(result).verdict == "does not hold"


def test_that_pairing_items_narrows_the_interval():
    base = right(0.5, items=500)
    better = np.maximum(base, right(0.1, items=500, seed=5))
    paired = verdicts.bootstrap_interval([(better[:, None], base[:, None])], measure="mean")
    shuffled = np.random.default_rng(1).permutation(base)
    unpaired = verdicts.bootstrap_interval([(better[:, None], shuffled[:, None])], measure="mean")
    assert paired[1] - paired[0] < 0.7 * (unpaired[1] - unpaired[0])


def test_that_the_bootstrap_is_deterministic():
    pair = [(right(0.6)[:, None], right(0.5, seed=1)[:, None])]
    assert verdicts.bootstrap_interval(pair, measure="mean") == verdicts.bootstrap_interval(pair, measure="mean")


def test_that_many_items_are_grouped_without_changing_the_answer(monkeypatch):
    pair = [(right(0.6, 3000)[:, None], right(0.5, 3000, seed=1)[:, None])]
    whole = verdicts.bootstrap_interval(pair, measure="mean")
    monkeypatch.setattr(verdicts, "MOST_ITEMS", 500)
    assert verdicts.bootstrap_interval(pair, measure="mean") == pytest.approx(whole, abs=0.006)


def test_that_intervals_cover_the_truth_also_where_seeds_dominate(home):
    chance, covered = np.random.default_rng(7), 0
    for _ in range(150):
        shifts, items = chance.normal(0, 0.05, 3), chance.normal(0, 0.05, (3, 60))
        pairs = [(row[:, None] + shift, np.zeros((60, 1))) for row, shift in zip(items, shifts, strict=True)]
        low, high = verdicts.bootstrap_interval(pairs, measure="mean", draws=200)
        wide = verdicts.student_interval([float(better.mean()) for better, _ in pairs])
        covered += min(low, wide[0]) <= 0 <= max(high, wide[1])
    assert covered >= 0.9 * 150


@pytest.mark.parametrize(
    ("counts", "measure", "value"),
    [
        ([[1], [0], [1], [1]], "mean", 0.75),
        ([[3, 4], [1, 4]], "ratio", 0.5),
        ([[2, 1, 0], [1, 0, 2]], "f1", 6 / 9),
        ([[2, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]], "f1", 6 / 8),
        ([[2, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]], "macro_f1", 0.75),
        ([[0, 0, 0]], "f1", 0.0),
    ],
)
def test_that_a_metric_is_rebuilt_from_counts(counts, measure, value):
    table = np.asarray(counts, float)
    assert float(verdicts.measured(table.sum(0), len(table), measure)) == pytest.approx(value)


def test_that_items_which_do_not_give_the_told_number_are_not_used(home):
    runs = with_items(home, {"plain": [right(0.5)] * 2, "strong": [right(0.9, seed=1)] * 2})
    runs["strong"][1] = finished(home, "strong", 1, score=0.2, outcomes=right(0.9, seed=1)[:, None])
    result = verdicts.judge(demo(PER_ITEM), runs)
    assert any("interval from the seeds alone" in note for note in result.notes)


def test_that_different_items_are_not_paired(home):
    runs = with_items(home, {"plain": [right(0.5, 300)] * 2, "strong": [right(0.9, 400)] * 2})
    assert any("are not the same" in note for note in verdicts.judge(demo(PER_ITEM), runs).notes)


def test_that_runs_without_their_items_fall_back_to_the_seeds(home):
    result = verdicts.judge(demo(PER_ITEM), runs_of(home, [0.50, 0.51], [0.70, 0.71]))
    assert any("wrote no 'outcomes'" in note for note in result.notes)
    assert only(result).interval == pytest.approx((0.2, 0.2))


# Planning -----------------------------------------------------------------------------------


def test_that_a_plan_holds_every_arm_of_every_seed_on_the_same_data():
    plan = claims.plan(demo(STRONGER), [4, 5], {"steps": 9})
    assert [(one.arm, one.seed) for one in plan] == [("plain", 4), ("strong", 4), ("plain", 5), ("strong", 5)]
    assert {one.params["steps"] for one in plan} == {9}
    assert len({one.claim for one in plan}) == 1
    assert all(one.inputs == {"data": "sample:made"} for one in plan)


def test_that_knobs_that_tell_the_arms_apart_cannot_be_overridden():
    with pytest.raises(Problems, match="tells this claim's arms apart"):
        claims.plan(demo(STRONGER), [1], {"strength": 0.5})


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_that_a_plan_needs_seeds_that_differ(seeds):
    with pytest.raises(InputError) as caught:
        claims.plan(demo(STRONGER), seeds)
    assert caught.value.field == "seeds"


def test_that_bad_knobs_of_a_plan_are_all_named():
    with pytest.raises(Problems) as caught:
        claims.plan(demo(STRONGER), [1], {"steps": 1000, "stepz": 1})
    assert {one.field for one in caught.value.problems} == {"steps", "stepz"}


# Carrying out -------------------------------------------------------------------------------


class Instant:
    """A runner whose runs end as soon as they are submitted, or when they are cancelled."""

    def __init__(self, home, *, hold=False, alive=True):
        self.home, self.hold, self.cancelled, self.attached, self.alive = home, hold, [], 0, alive
        self.folders = {}

    def submit(self, config, *, first=False):
        folder = create_run(self.home.runs, config)
        self.folders[folder.id] = folder
        folder.append(ev.Queued(t=1.0), ev.Started(t=2.0))
        if not self.hold:
            score = 0.5 + 0.2 * config.params["strength"] + 0.01 * config.seed
            folder.append(ev.Finished(t=3.0, results={"score": score}))
        return folder

    def cancel(self, run, *, keep=False):
        self.cancelled.append(run)
        self.folders[run].append(ev.Cancelled(t=3.0))
        done = Future()
        done.set_result(None)
        return done

    def state(self):
        return ev.WorkerState(pid=1 if self.alive else 0)

    def attach(self):
        self.attached += 1
        for folder in self.folders.values():
            folder.append(ev.Finished(t=4.0, results={"score": 0.5}))
        done = Future()
        done.set_result(self.state())
        return done


def test_that_a_claim_is_carried_out_from_submission_to_verdict(home):
    heard = []
    result = claims.run_claim(Instant(home), demo(STRONGER), [1, 2, 3], heard.append)
    assert result.holds
    assert result.arms["strong"]["score"].values == pytest.approx([0.71, 0.72, 0.73])
    assert heard[-1].ended == heard[-1].total == 6
    assert {(one.arm, one.seed) for one in heard} == {(arm, seed) for arm in ("plain", "strong") for seed in (1, 2, 3)}


def test_that_a_stopped_claim_cancels_what_has_not_ended(home):
    runner, stop = Instant(home, hold=True), threading.Event()
    stop.set()
    result = claims.run_claim(runner, demo(STRONGER), [1], lambda progress: None, stop=stop)
    assert len(runner.cancelled) == 2
    assert only(result).verdict == "not separated"


def test_that_an_interrupted_claim_cancels_its_runs(home):
    def interrupt(progress):
        raise KeyboardInterrupt

    runner = Instant(home, hold=True)
    with pytest.raises(KeyboardInterrupt):
        claims.run_claim(runner, demo(STRONGER), [1], interrupt)
    assert len(runner.cancelled) == 2


def test_that_a_lost_worker_is_started_again(home, monkeypatch):
    monkeypatch.setattr(claims, "LOST_S", 0.0)
    runner = Instant(home, hold=True, alive=False)
    claims.run_claim(runner, demo(STRONGER), [1], lambda progress: None)
    assert runner.attached >= 1


def test_that_the_runs_of_a_claim_are_found_again(home):
    runs_of(home, [0.5, 0.6], [0.7, 0.8])
    found = claims.collect(home.runs, "demo-1")
    assert {arm: sorted(of_arm) for arm, of_arm in found.items()} == {"plain": [0, 1], "strong": [0, 1]}
    assert claims.collect(home.runs, "another") == {}


def test_that_a_scripted_runner_carries_out_a_declared_claim(home):
    declared = recipe("punctuation-adversarial")

    def play(folder):
        config = folder.config()
        hits = 8.0 if config.params["init"] == "pretrained" else 3.0
        counts = np.tile([[hits, 2.0, 2.0] * 3], (50, 1))
        events = []
        for slot in ("outcomes", "outcomes_asr"):
            np.save(folder.artifacts / f"{slot}.npy", counts)
            events.append(ev.Artifact(slot=slot, kind="outcomes", path=f"artifacts/{slot}.npy"))
        f1 = float(verdicts.measured(counts.sum(0), len(counts), "f1"))
        results = {"test_f1": f1, "asr_f1": f1, "dev_f1": 0.8}
        return [*events, ev.Finished(results=results)]

    result = claims.run_claim(ScriptedRunner(home, play), declared, [1, 2], lambda progress: None)
    assert result.notes == []
    assert result.holds
    asserted = [one.verdict for one in result.statements if one.asserted]
    assert asserted == ["holds"] * 3
    assert {one.verdict for one in result.statements if not one.asserted} == {"does not hold"}
