"""Refining by marks with mouse and keys; the questions are answered by a real worker."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from tests.gui.volumes.hands import CONTROL, LEFT, RIGHT, drag, spot
from tests.plugins.fixtures import end_worker
from workbench.core.problem import KnownTrouble
from workbench.core.refining import WAYS
from workbench.gui.volumes.refining import AGAINST, FOR
from workbench.runner.local import LocalRunner

WITHIN_MS = 60_000


@pytest.fixture
def runner(home):
    made = LocalRunner(home, client="test")
    yield made
    made.close()
    end_worker(home)


@pytest.fixture
def refining(viewer):
    viewer.go((20, 36, 33))
    viewer.editor.set_sphere(True)
    viewer.editor.labels.add_label("lesion")
    viewer.editor.labels.only_over = "anything"
    return viewer


def answered(qtbot, viewer):
    qtbot.waitUntil(lambda: not viewer.editor.refiner.asking, timeout=WITHIN_MS)


def test_that_marks_change_the_label_as_computed_and_one_undo_restores_it(qtbot, refining, runner):
    viewer, labels, axial = refining, refining.editor.labels, refining.canvases["axial"]
    viewer.editor.refiner.ask = runner.inspect
    before, stack = labels.array.copy(), labels.document.stack.count()
    viewer._refresh()
    viewer.actions_["refine"].trigger()
    assert viewer.editor.tool == "refine"
    qtbot.mouseClick(axial, LEFT, pos=spot(axial, (20, 36, 33)))
    answered(qtbot, viewer)
    first = labels.array == labels.active
    assert first[20, 36, 33] and labels.document.stack.count() == stack, viewer.message.whole
    drag(qtbot, axial, spot(axial, (20, 20, 12)), spot(axial, (20, 20, 38)), RIGHT)
    answered(qtbot, viewer)
    second = labels.array == labels.active
    assert not second[20, 20, 12:39].any() and second[20, 36, 33]
    qtbot.keyClick(axial, Qt.Key.Key_Return)
    assert labels.document.stack.count() == stack + 1 and not viewer.editor.refiner.marks
    assert (labels.array == labels.active).sum() == second.sum() == labels.voxels[labels.active]
    qtbot.waitUntil(lambda: viewer.saved.text().startswith("autosaved"), timeout=WITHIN_MS)
    qtbot.keyClick(axial, Qt.Key.Key_Z, CONTROL)
    assert (labels.array == before).all()

    qtbot.mousePress(axial, LEFT, pos=QPoint(1, 1))
    qtbot.mouseRelease(axial, LEFT, pos=QPoint(1, 1))
    assert "outside of the volume" in viewer.message.whole and not viewer.editor.refiner.marks
    qtbot.mouseClick(axial, RIGHT, pos=spot(axial, (20, 30, 25)))
    answered(qtbot, viewer)
    assert "Nothing says yet" in viewer.message.whole and (labels.array == before).all()


class Slow:
    """Answers when it is told to."""

    def __init__(self):
        self.asked, self.futures = [], []

    def __call__(self, what, **asked):
        self.asked.append(asked)
        self.futures.append(Future())
        return self.futures[-1]


def mark(qtbot, axial, voxel, button=LEFT):
    qtbot.mouseClick(axial, button, pos=spot(axial, voxel))


def answer(slow, at, fill=True):
    import msgspec

    from workbench.core.refining import RefineAnswer
    from workbench.store.bits import packed

    mask = np.full(slow.asked[at]["shape"], fill)
    slow.futures[at].set_result(msgspec.Raw(msgspec.json.encode(RefineAnswer(packed(mask), 0.1))))


def test_that_a_newer_mark_takes_the_place_of_a_question_under_way_and_escape_drops_all(qtbot, refining):
    viewer, labels, axial = refining, refining.editor.labels, refining.canvases["axial"]
    slow = viewer.editor.refiner.ask = Slow()
    viewer.editor.refiner.reach_mm = 6.0
    before = labels.array.copy()
    viewer.editor.choose("refine")
    mark(qtbot, axial, (20, 36, 33))
    qtbot.waitUntil(lambda: len(slow.asked) == 1)
    mark(qtbot, axial, (20, 38, 34), RIGHT)
    qtbot.waitUntil(lambda: len(slow.asked) == 2)
    assert slow.futures[0].cancelled() and (labels.array == before).all()
    assert slow.asked[1]["wanted"] == [(20, 36, 33)] and slow.asked[1]["unwanted"] == [(20, 38, 34)]
    axial.setFocus()
    shown = axial.grab().toImage()
    colours = [shown.pixelColor(x, y).name().upper() for x in range(shown.width()) for y in range(shown.height())]
    marked = [colours.count(one) for one in (FOR, AGAINST)]
    assert min(marked) > 20 and max(marked) < 400  # two badges, and nothing else in their colours
    answer(slow, 1)
    answered(qtbot, viewer)
    assert (labels.array == labels.active).sum() == np.prod(slow.asked[1]["shape"])
    qtbot.keyClick(axial, Qt.Key.Key_Escape)
    assert (labels.array == before).all() and not labels.document.can_undo and not viewer.editor.refiner.marks


def test_that_what_is_tried_out_is_not_kept_until_it_is_accepted(qtbot, refining):
    viewer, labels, axial = refining, refining.editor.labels, refining.canvases["axial"]
    slow = viewer.editor.refiner.ask = Slow()
    viewer.editor.refiner.reach_mm = 6.0
    viewer.editor.choose("refine")
    labels.stroke()
    labels.put((slice(20, 21), slice(3, 4), slice(3, 4)), np.ones((1, 1, 1), bool))
    labels.finish("paint")
    mark(qtbot, axial, (20, 36, 33))
    qtbot.waitUntil(lambda: len(slow.asked) == 1)
    answer(slow, 0)
    answered(qtbot, viewer)
    painted = (labels.array == labels.active).sum()
    labels.snapshot()()
    kept = type(labels)(np.load(labels.path).copy(), labels.meta, path=labels.path)
    kept.take_up()
    assert (kept.array == labels.active).sum() == 1 < painted
    viewer.editor.choose("crosshair")  # leaving the tool keeps what is shown
    assert (labels.array == labels.active).sum() == painted and labels.document.stack.undoText() == "refine by clicks"


def test_that_a_slice_stays_a_slice_and_a_trouble_is_said(qtbot, refining):
    viewer, labels, axial = refining, refining.editor.labels, refining.canvases["axial"]
    slow = viewer.editor.refiner.ask = Slow()
    viewer.editor.set_sphere(False)
    viewer.editor.choose("refine")
    viewer.canvases["axial"].setFocus()
    qtbot.keyClick(axial, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(slow.asked) == 1)
    assert slow.asked[0]["shape"][0] == 1 and slow.asked[0]["wanted"] == [(20, 36, 33)]
    qtbot.keyClick(axial, Qt.Key.Key_Return)  # before the answer is there
    answer(slow, 0)
    answered(qtbot, viewer)
    assert not viewer.editor.refiner.marks and (labels.array[20] == labels.active).any()
    assert not (labels.array[19] == labels.active).any()
    viewer.actions_["undo"].trigger()
    qtbot.keyClick(axial, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(slow.asked) == 2)
    slow.futures[1].set_exception(KnownTrouble("The worker went away.", fix="Try again."))
    answered(qtbot, viewer)
    assert viewer.message.whole == "The worker went away. Try again." and not (labels.array == labels.active).any()


def test_that_refining_is_offered_only_where_there_is_a_worker(viewer):
    assert not viewer.actions_["refine"].isEnabled()
    viewer.editor.refiner.ask = Slow()
    viewer._refresh()
    assert viewer.actions_["refine"].isEnabled()


def test_that_the_way_is_chosen_beside_the_tool_and_marks_are_answered_anew(qtbot, refining):
    viewer, axial, panel = refining, refining.canvases["axial"], refining.panel
    slow = viewer.editor.refiner.ask = Slow()
    viewer.editor.refiner.reach_mm = 6.0
    viewer._refresh()
    viewer.editor.choose("refine")
    delivered, other, *_ = list(WAYS)
    assert panel.way.isVisibleTo(panel) and panel.way.currentData() == viewer.editor.refiner.way == delivered
    mark(qtbot, axial, (20, 36, 33))
    qtbot.waitUntil(lambda: len(slow.asked) == 1)
    assert slow.asked[0]["way"] == delivered and unpacked_or_none(slow, 0) is None
    answer(slow, 0)
    answered(qtbot, viewer)
    mark(qtbot, axial, (20, 38, 34), RIGHT)
    qtbot.waitUntil(lambda: len(slow.asked) == 2)
    assert unpacked_or_none(slow, 1).sum() == np.prod(slow.asked[0]["shape"])  # what was shown goes along
    answer(slow, 1)
    answered(qtbot, viewer)
    viewer.actions_["refine-way"].trigger()
    qtbot.waitUntil(lambda: len(slow.asked) == 3)
    assert slow.asked[2]["way"] == other and panel.way.currentData() == other
    assert slow.asked[2]["wanted"] == [(20, 36, 33)] and unpacked_or_none(slow, 2) is None
    slow.futures[2].set_exception(KnownTrouble("The network is missing.", fix="Refine by geodesic distance."))
    answered(qtbot, viewer)
    assert viewer.message.whole == "The network is missing. Refine by geodesic distance."
    panel.way.setCurrentIndex(0)
    panel.way.activated.emit(0)
    qtbot.waitUntil(lambda: len(slow.asked) == 4)
    assert slow.asked[3]["way"] == delivered
    answer(slow, 3)
    answered(qtbot, viewer)
    qtbot.keyClick(axial, Qt.Key.Key_Backspace)  # a mark taken back takes its part of the mask along
    qtbot.waitUntil(lambda: len(slow.asked) == 5)
    assert slow.asked[4]["unwanted"] == [] and unpacked_or_none(slow, 4) is None
    qtbot.keyClick(axial, Qt.Key.Key_Escape)
    viewer.editor.choose("brush")
    assert not panel.way.isVisibleTo(panel)


def unpacked_or_none(slow, at):
    from base64 import b64decode

    from workbench.store.bits import unpacked

    shown = slow.asked[at]["shown"]
    return unpacked(b64decode(shown), slow.asked[at]["shape"]) if shown else None
