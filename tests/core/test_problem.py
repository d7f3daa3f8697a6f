"""Problems keep their sentences on every way they travel."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import msgspec
import numpy as np
import pytest

from workbench.core.problem import (
    InputError,
    KnownTrouble,
    ProblemRecord,
    Problems,
    did_you_mean,
    raised,
    record_of,
)

FAULT = InputError("Wrong.", expected="a", received="b", fix="Do c.", field="data", place="rows.csv, row 3")


def test_that_a_problem_reads_what_expected_received_fix_with_field_and_place() -> None:
    assert str(FAULT).splitlines() == [
        "data (rows.csv, row 3): Wrong.", "  Expected: a", "  Received: b", "  Fix: Do c.",
    ]  # fmt: skip


@pytest.mark.parametrize("error", [FAULT, KnownTrouble("Disk full.", fix="Free some.")])
def test_that_a_problem_survives_its_record(error: Exception) -> None:
    back = raised(msgspec.json.decode(msgspec.json.encode(record_of(error)), type=ProblemRecord))
    assert type(back) is type(error)
    assert str(back) == str(error)


def test_that_several_problems_survive_their_record() -> None:
    several = Problems([FAULT, InputError("Second.", field="text")])
    back = raised(record_of(several))
    assert isinstance(back, Problems)
    assert [one.field for one in back.problems] == ["data", "text"]
    assert str(back) == str(several)


def test_that_an_unforeseen_exception_is_a_bug_whose_trace_survives_the_wire() -> None:
    try:
        raise ValueError("surprise")
    except ValueError as error:
        record = record_of(error)
    assert record.severity == "bug"
    assert "test_problem.py" in record.trace
    assert record_of(raised(record)) == record


def test_that_a_full_disk_is_known_trouble_not_a_bug() -> None:
    assert record_of(OSError(errno.ENOSPC, "No space left")).severity == "known"


def test_that_an_array_of_which_a_part_found_room_is_a_full_disk_as_well(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000_000, before[1]))
    try:
        with pytest.raises(OSError) as caught:
            np.save(tmp_path / "array.npy", np.zeros(3_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert record_of(caught.value).what == "The disk is full."


def test_that_a_mistyped_name_gets_the_nearest_or_the_list() -> None:
    assert did_you_mean("epohcs", ["epochs", "batch"]) == "Did you mean 'epochs'?"
    assert did_you_mean("zzz", ["epochs", "batch"]) == "Known: batch, epochs"
