"""A recipe with a claim that is settled in milliseconds; found through WORKBENCH_PLUGINS."""

from __future__ import annotations

from workbench.core.claim import Better, Claim, Gate
from workbench.core.job import Job
from workbench.core.kinds import Curve, InputKind, Sample, Slot
from workbench.core.params import Params, knob
from workbench.core.recipe import LAB, Paper, recipe

NUMBERS = InputKind("numbers", (".txt",), False, "a text file of numbers")


class Wager(Params):
    """What is staked."""

    stake: float = knob(1.0, "What is staked", low=0, high=100)
    luck: float = knob(0.0, "Share that chance decides", low=0, high=1)
    fails: bool = knob(False, "Fall over")


@recipe(
    tab=LAB,
    title="Wager",
    paper=Paper("None", 2026),
    reads={"data": Slot(NUMBERS, "Numbers", samples=(Sample("ones", "Ones", "all ones", True),))},
    writes={"gain": Curve},
    presets={"smoke": Wager(), "desk": Wager(), "paper": Wager()},
    claim=Claim(
        arms={"low": Wager(stake=1), "high": Wager(stake=3)},
        statements=(
            Better("High stakes gain more", metric="gain", better="high", than="low", by=1.0),
            Better("Low stakes gain more", metric="gain", better="low", than="high", asserted=False),
        ),
        gates=(Gate("Low stakes gain something", metric="gain", arm="low", least=0.1),),
        seeds=2,
    ),
)
def run(job: Job, p: Wager) -> None:
    """Gain what was staked, give or take a little luck."""
    if p.fails:
        raise RuntimeError("lost everything")
    gain = p.stake + p.luck * job.seed
    job.metric("gain", gain, series="test", step=1)
    job.step(1)
    job.result("gain", gain)
