"""Windows, class names and what is made of scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.core.problem import InputError
from workbench.core.recognising import (
    MOST_CLASSES,
    SOMETHING_ELSE,
    Recognised,
    cells,
    class_names,
    joined,
    named,
    spans_above,
    windows_of,
)
from workbench.core.videorecognisers import classes_of, facts_of


def test_that_class_names_are_taken_once_in_their_order_without_blanks() -> None:
    assert class_names("  a red   circle \n\nblue\na red circle\n") == ("a red circle", "blue")
    assert class_names([f"class {at}" for at in range(500)])[499] == "class 499"


@pytest.mark.parametrize("given", ["", " \n\t\n", [], [f"c{at}" for at in range(MOST_CLASSES + 1)]])
def test_that_no_class_and_too_many_are_refused(given: object) -> None:
    with pytest.raises(InputError) as refused:
        class_names(given)  # type: ignore[arg-type]
    assert refused.value.field == "classes" and refused.value.expected


def test_that_windows_lie_in_strides_and_the_last_one_ends_with_the_video() -> None:
    assert windows_of(4.2, 1.0, 1.0) == [(0, 1), (1, 2), (2, 3), (3, 4), (pytest.approx(3.2), 4.2)]
    assert windows_of(3.0, 1.0, 0.5, 1.0, 2.5) == [(1, 2), (1.5, 2.5)]
    assert windows_of(0.4, 1.0, 0.5) == [(0.0, 0.4)]
    assert windows_of(0.0, 1.0, 0.5) == [(0.0, 0.0)]


@pytest.mark.parametrize(
    ("asked", "field"),
    [((4.0, 0.0, 1.0), "window_s"), ((4.0, 1.0, 0.0), "stride_s"), ((4.0, 1.0, float("nan")), "stride_s"),
     ((4.0, 1.0, 1.0, 5.0), "start_s"), ((4.0, 1.0, 1.0, 2.0, 1.0), "start_s"), ((1e6, 1.0, 0.02), "stride_s")],
)  # fmt: skip
def test_that_windows_that_make_no_sense_are_refused(asked: tuple[float, ...], field: str) -> None:
    with pytest.raises(InputError) as refused:
        windows_of(*asked)
    assert refused.value.field == field


def test_that_a_window_below_the_threshold_is_something_else() -> None:
    assert named([0.2, 0.5, 0.3], ("a", "b", "c"), 0.5) == ("b", 0.5)
    assert named([0.2, 0.45, 0.35], ("a", "b", "c"), 0.5) == (SOMETHING_ELSE, 0.45)


def recognised(rows: list[list[float]]) -> Recognised:
    windows = [(float(at), at + 2.0) for at in range(len(rows))]
    return Recognised(("a", "b"), windows, rows, 0, len(rows), len(rows), duration_s=len(rows) + 1.0)


def test_that_stretches_above_a_threshold_are_told_apart_and_share_out_the_time() -> None:
    found = recognised([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.9, 0.1]])
    spans = spans_above(found, 0.6)
    assert [(one.label, one.start_s, one.end_s) for one in spans] == [("a", 0, 2.5), ("a", 3.5, 5), ("b", 2.5, 3.5)]
    assert spans[0].score == pytest.approx(0.85)
    assert cells(found.windows)[0] == (0, 1.5) and cells(found.windows)[-1] == (3.5, 5)


def test_that_classes_of_their_own_may_overlap_where_not_only_the_best_counts() -> None:
    found = recognised([[0.9, 0.7], [0.9, 0.7]])
    assert [one.label for one in spans_above(found, 0.6)] == ["a"]
    assert [one.label for one in spans_above(found, 0.6, best_only=False)] == ["a", "b"]


def test_that_answers_that_went_on_from_each_other_are_one() -> None:
    one = Recognised(("a",), [(0, 1)], [[1.0]], 0, 2, 4, lost=1, decode_ms=2.0, notes=("n",))
    two = Recognised(("a",), [(2, 3), (3, 4)], [[0.5], [0.4]], 2, 4, 4, decode_ms=5.0, notes=("n",))
    whole = joined([one, two])
    assert whole.complete and whole.lost == 1 and whole.first == 0 and whole.notes == ("n",)
    assert [row[0] for row in whole.scores] == [1.0, 0.5, 0.4] and whole.decode_ms == pytest.approx(4.0)
    assert not joined([one]).complete


def folder(root: Path, **files: object) -> Path:
    root.mkdir()
    for name, content in files.items():
        (root / name.replace("__", ".").replace("_dash_", "-")).write_text(json.dumps(content))
    return root


def test_that_folders_tell_what_recognises_in_them(tmp_path: Path) -> None:
    clip = facts_of(folder(tmp_path / "clip", config__json={"model_type": "clip"}))
    assert clip is not None and clip.family == "image-language" and not clip.fixed and "order" in clip.note
    mae = facts_of(folder(tmp_path / "mae", config__json={
        "model_type": "videomae", "architectures": ["VideoMAEForVideoClassification"],
        "id2label": {"0": "run", "1": "walk"}}))  # fmt: skip
    assert mae is not None and mae.fixed and mae.classes == ("run", "walk")
    assert facts_of(folder(tmp_path / "pre", config__json={"model_type": "videomae"})) is None
    card = {"config": {"recipe": "shaker", "title": "Mine"}, "classes": ["up", "down"]}
    run = folder(tmp_path / "run", workbench__json=card)
    assert facts_of(run) is None
    known = facts_of(run, {"shaker"})
    assert known is not None and known.family == "run" and known.recipe == "shaker" and known.classes == ("up", "down")
    assert classes_of({"tasks": {"motion": ["up", "down"], "shape": ["ring"]}, "labels": ["x"]}) == ("up", "down")
    assert classes_of({"tasks": {}, "labels": ["x"]}) == ("x",) and classes_of({"classes": 7}) == ()
    assert facts_of(folder(tmp_path / "text", config__json={"model_type": "bert"})) is None
    assert facts_of(tmp_path / "nothing") is None
