"""The user's data, or a sample, as examples of the task at hand, in three parts."""

from __future__ import annotations

from typing import Any

from workbench.core.job import Job
from workbench.engine.text import readers
from workbench.engine.text.examples import Loaded, Splits, split

from .passages import Picked
from .recipe import BerturkNlu

SLOT = "data"


def load(job: Job, p: BerturkNlu, *, address: str = "") -> Any:
    """Splits of the task's examples; a list of texts for masked words. `address` overrides the slot's."""
    address = address or job.inputs.get(SLOT, "sample:docstrings-library")
    loaded = _loaded(address, p, job.seed)
    job.log(f"Data: {loaded.detail}.")
    if loaded.problem_count or loaded.problems:
        count = loaded.problem_count or len(loaded.problems)
        job.log(f"{count} rows are left out or cut; the data panel lists them.", "warning")
    if p.task == "masked words":
        return Picked(loaded.examples, range(len(loaded.examples)))
    parts: Splits[Any] = split(loaded.examples, job.seed, validation=0.1, test=0.1, field=SLOT)
    given = "as given" if parts.given else "divided by class, equal texts kept together"
    job.log(f"{len(parts.train)} to train, {len(parts.validation)} to validate, {len(parts.test)} to test ({given}).")
    return parts


def _loaded(address: str, p: BerturkNlu, seed: int) -> Loaded[Any]:
    match p.task:
        case "entities":
            return readers.load_tagged(address, seed=seed, limit=p.limit, field=SLOT)
        case "questions":
            return readers.load_questions(address, seed=seed, limit=p.limit, field=SLOT)
        case "masked words":
            return readers.load_plain(address, seed=seed, limit=p.limit, field=SLOT)
        case _:
            return readers.load_labelled(
                address, text_column=p.text_column, label_column=p.label_column, seed=seed, limit=p.limit, field=SLOT
            )
