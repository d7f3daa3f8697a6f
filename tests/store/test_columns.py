"""Columns: one value per run from wherever it stands, sorted, and searched by word or comparison."""

from __future__ import annotations

import pytest

from workbench.core.job import JobState
from workbench.core.problem import InputError
from workbench.store.columns import better_end, column_of, columns_of, find_column, headline, ordered, search, value_of
from workbench.store.index import RunRow
from workbench.store.notes import Notes
from workbench.store.runfolder import RunConfig


def row(name: str, loss: float | None = None, **more: object) -> RunRow:
    numbers = {} if loss is None else {"loss/validation": loss}
    config = RunConfig(recipe="demo", params=dict(more), created=float(len(name)))
    low = {key: value / 2 for key, value in numbers.items()}
    return RunRow(name, config, JobState(phase="finished"), numbers, numbers, low)


A, B, C = row("a", 0.5, epochs=2), row("bb", 0.25, epochs=10, text="Review"), row("ccc")


def test_that_best_is_the_lower_end_of_losses_and_the_higher_of_the_rest() -> None:
    assert (better_end("loss/train"), better_end("macro_f1"), better_end("learning_rate")) == ("low", "high", "")
    assert (value_of(A, "best:loss/validation"), value_of(A, "last:loss/validation")) == (0.25, 0.5)
    assert value_of(A, "best:learning_rate") is None


def test_that_every_property_of_some_run_is_a_column() -> None:
    known = columns_of([A, B, C])
    assert {"run", "star", "best:loss/validation", "last:loss/validation", "knob:epochs", "knob:text"} <= set(known)
    assert known["knob:epochs"].numeric and not known["knob:text"].numeric
    assert "lowest" in known["best:loss/validation"].help


def test_that_a_column_is_found_by_its_bare_name_or_refused_with_what_is_alike() -> None:
    known = columns_of([A, B])
    assert find_column("epochs", known).key == "knob:epochs"
    assert find_column("loss", known).key == "best:loss/validation"
    assert find_column("last:loss/validation", known).title == "loss/validation last"
    with pytest.raises(InputError, match="epochs"):
        find_column("epoch", known)
    with pytest.raises(InputError):
        column_of("nonsense:x")


def test_that_runs_without_a_value_come_last_in_either_direction() -> None:
    for descending, first in ((False, [B, A]), (True, [A, B])):
        assert ordered([C, A, B], "best:loss/validation", descending=descending) == [*first, C]
    starred = RunRow("d", C.config, C.state, notes=Notes(star=True))
    assert ordered([A, B, starred], "run", descending=False, starred_first=True)[0] is starred


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [A, B, C]), ("demo", [A, B, C]), ("REVIEW", [B]), ("demo review", [B]), ("nothing", []),
        ("epochs>2", [B]), ("epochs=2", [A]), ("epochs<=10 loss<0.2", [B]), ("text=review", [B]),
        ("text!=review", [A, C]), ("state=finished", [A, B, C]), ("no_such>3", []), ("epochs>", []), (">3", []),
    ],
)  # fmt: skip
def test_that_words_and_comparisons_are_searched_for(text: str, found: list[RunRow]) -> None:
    assert search([A, B, C], text) == found


def test_that_tags_are_searched_one_by_one() -> None:
    tagged = RunRow("t", A.config, A.state, notes=Notes(tags=("Good", "slow")))
    assert search([A, tagged], "tags=good") == [tagged]
    assert search([A, tagged], "tags!=good") == [A]


def test_that_the_headline_is_a_result_then_a_quality_then_a_loss() -> None:
    done = RunRow("d", A.config, JobState(results={"accuracy": 0.9}))
    quality = RunRow("q", A.config, JobState(), highest={"loss/validation": 1.0, "f1/validation": 0.7})
    assert headline(done) == ("accuracy", 0.9)
    assert headline(quality) == ("f1/validation", 0.7)
    assert headline(A) == ("loss/validation", 0.25)
    assert headline(C) == ("", None)
