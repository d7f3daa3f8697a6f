"""Refining a label by marks: clicks and scribbles for and against it, answered by the worker, tried out at once.

What is tried out lies in the labels but is no step yet: Return keeps all of it as one, Escape takes it
back. A newer mark takes the place of a question that is not answered yet.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen

from workbench.core.colours import CATEGORIES
from workbench.core.problem import ProblemRecord
from workbench.core.refining import REACH_MM, WAYS, RefineAnswer, RefineAsked, Way
from workbench.gui.autosave import Background
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.scene import Scene
from workbench.gui.volumes.shapes import Mask, bounds
from workbench.gui.volumes.strokes import Box
from workbench.gui.volumes.tools import LEFT, RIGHT, Tool
from workbench.report.planes import Plane, Voxel, spacing_zyx_mm
from workbench.store.bits import packed, unpacked

if TYPE_CHECKING:
    from workbench.gui.volumes.canvas import PlaneCanvas

Ask = Callable[..., Future[msgspec.Raw]]
FOR, AGAINST = CATEGORIES[2], CATEGORIES[5]
KEEPS = "Return keeps it, Esc drops it."


@dataclasses.dataclass(frozen=True)
class Mark:
    """A click or a scribble, for the label or against it."""

    wanted: bool
    voxels: list[Voxel]


@dataclasses.dataclass(frozen=True)
class Found:
    """What a question came to: only what changes, and how it was worked out."""

    box: Box
    mask: Mask
    answer: RefineAnswer


class Refiner(QObject):
    """The marks of one label and what came of them; `ask` is the runner's inspect, None where there is no worker."""

    said = Signal(str, str)
    changed = Signal()

    def __init__(self, scene: Scene, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self.scene, self._background = scene, background
        self.ask: Ask | None = None
        self.reach_mm = REACH_MM
        self.way: Way = next(iter(WAYS))
        self.marks: list[Mark] = []
        self._plane: tuple[Plane, int] | None = None
        """The slice that is refined; None for the volume."""
        self._labels: LabelMap | None = None
        self._value = 0
        self._number = 0
        self._future: Future[msgspec.Raw] | None = None
        self.asking = False
        self._keep_when_answered = False

    @property
    def path(self) -> str:
        """Where the worker finds the volume under the labels; empty where it cannot."""
        layers = self.scene.layers
        return str(getattr(layers[0].array, "filename", None) or "") if layers else ""

    @property
    def able(self) -> bool:
        """Whether there is a worker to ask and a volume to ask about."""
        return self.ask is not None and bool(self.path)

    def add(self, mark: Mark, within: tuple[Plane, int] | None) -> None:
        """Take a further mark into account; marks of another label or another slice begin anew."""
        labels = self.scene.labels
        if labels is None:
            return
        if self.marks and (labels is not self._labels or labels.active != self._value or within != self._plane):
            self.accept()
        self._labels, self._value, self._plane = labels, labels.active, within
        self.marks.append(mark)
        self._work()

    def work_by(self, way: Way) -> None:
        """Refine this way from now on; the marks that are set are answered anew."""
        self.way = way
        if self.marks:
            self._work(afresh=True)
        else:
            self.said.emit(f"Refining by {WAYS[way]} from now on.", "dim")
            self.changed.emit()

    def work_otherwise(self) -> None:
        """Refine by the way that is not in use."""
        self.work_by(next(one for one in WAYS if one != self.way))

    def take_back(self) -> None:
        """Forget the last mark."""
        if len(self.marks) > 1:
            self.marks.pop()
            self._work(afresh=True)
        else:
            self.clear()

    def clear(self) -> None:
        """Forget all marks and what came of them."""
        self._forget()
        if self.marks and self._labels is not None:
            self._labels.abandon()
            self.said.emit("The marks are cleared; the label is as it was.", "dim")
        self._end()

    def accept(self, *, wait: bool = False) -> None:
        """Keep what is shown as one step; with `wait`, what is still being worked out too."""
        if wait and self.asking:
            self._keep_when_answered = True
            return
        self._forget()
        if self.marks and self._labels is not None:
            self._labels.finish("refine by clicks")
        self._end()

    def _end(self) -> None:
        self.marks, self._labels = [], None
        self.changed.emit()

    def _forget(self) -> None:
        """Wait for no answer."""
        self._number += 1
        self.asking = self._keep_when_answered = False
        if self._future is not None:
            self._future.cancel()
            self._future = None

    # Asking

    def _box(self) -> Box:
        voxels = np.asarray([one for mark in self.marks for one in mark.voxels])
        reach = [math.ceil(self.reach_mm / one) for one in spacing_zyx_mm(self.scene.geometry)]
        low = np.maximum(voxels.min(axis=0) - reach, 0).tolist()
        high = np.minimum(voxels.max(axis=0) + reach + 1, self.scene.shape).tolist()
        if self._plane is not None:
            plane, index = self._plane
            low[plane.across], high[plane.across] = index, index + 1
        z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        return z, y, x

    def _work(self, *, afresh: bool = False) -> None:
        """Ask about all marks; `afresh` leaves out what came of them so far, which a mark taken back had a part in."""
        labels, ask = self._labels, self.ask
        if labels is None or ask is None:
            return
        self._forget()
        number, value, box = self._number, self._value, self._box()
        before = labels.before(box)  # a copy: the other thread must not see what is tried out meanwhile
        now = labels.array[box] == value if len(self.marks) > 1 and not afresh else None
        way = self.way
        start = (box[0].start, box[1].start, box[2].start)
        yes, no = ([one for mark in self.marks if mark.wanted is sign for one in mark.voxels] for sign in (True, False))
        path, spacing = self.path, spacing_zyx_mm(self.scene.geometry)
        self.asking = True
        self.said.emit("Refining …", "dim")
        self.changed.emit()

        def work() -> Found | None:
            prior = np.asarray(before == value)
            z, y, x = prior.shape
            bits = packed(prior) if prior.any() else b""
            shown = packed(np.asarray(now)) if now is not None else b""
            asked = RefineAsked(path, spacing, start, (z, y, x), yes, no, bits, shown, way)
            if number != self._number:
                return None
            future = self._future = ask("refine", **msgspec.to_builtins(asked))
            answer = msgspec.json.decode(future.result(), type=RefineAnswer)
            return _narrowed(box, prior, answer)

        def then(found: Found | None) -> None:
            if number == self._number and found is not None:
                self._take(labels, found)

        def failed(record: ProblemRecord) -> None:
            if number != self._number:
                return
            self.asking = False
            labels.try_out((slice(0, 0),) * 3, np.zeros((0, 0, 0), bool))  # marks and picture do not disagree
            self.said.emit(" ".join(filter(None, (record.what, record.fix))), "error")
            self.changed.emit()

        self._background.background(work, then=then, failed=failed, owner=self)

    def _take(self, labels: LabelMap, found: Found) -> None:
        keep = self._keep_when_answered
        self.asking, self._future, self._keep_when_answered = False, None, False
        if labels is not self.scene.labels or labels.active != self._value:
            self.clear()
            return
        labels.try_out(found.box, found.mask)
        ml = int((found.mask != (labels.before(found.box) == self._value)).sum()) * labels.voxel_ml
        notes = "".join(f"; {one}" for one in found.answer.notes)
        self.said.emit(f"{KEEPS} {ml:.3g} ml changed in {found.answer.seconds:.1f} s{notes}", "dim")
        self.changed.emit()
        if keep:
            self.accept()


def _narrowed(box: Box, prior: Mask, answer: RefineAnswer) -> Found:
    mask = unpacked(answer.mask, prior.shape)
    part = bounds(mask != prior)
    if part is None:
        return Found((slice(0, 0),) * 3, np.zeros((0, 0, 0), bool), answer)
    z, y, x = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(box, part, strict=True))
    return Found((z, y, x), np.ascontiguousarray(mask[part]), answer)


class Refining(Tool):
    """Left for the label, right (or Shift) against it; drag to scribble; Space marks at the crosshair."""

    buttons = (LEFT, RIGHT)
    words = f"Click or scribble what belongs, right button: what does not; Space: at the crosshair. {KEEPS}"

    def __init__(self, refiner: Refiner, within: Callable[[Plane, int], Any], *, able: Callable[[], bool]) -> None:
        """`within` gives the slice to stay in, or None for the volume."""
        self.refiner, self._within, self._able = refiner, within, able
        self._now: Mark | None = None

    def press(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        voxel = canvas.voxel_at(event.position())
        if not self._able():
            return
        if voxel is None:
            self.refiner.said.emit("This is outside of the volume: set marks on the picture.", "error")
            return
        against = event.button() == RIGHT or bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._now = Mark(not against, [voxel])
        canvas.update()

    def drag(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        voxel = canvas.voxel_at(event.position())
        if self._now is not None and voxel is not None and voxel != self._now.voxels[-1]:
            last = np.asarray(self._now.voxels[-1])
            count = int(np.abs(np.asarray(voxel) - last).max())
            for at in range(1, count + 1):  # a quick hand leaves no gaps
                z, y, x = np.rint(last + (np.asarray(voxel) - last) * at / count).astype(int).tolist()
                self._now.voxels.append((z, y, x))
            canvas.update()

    def release(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        now, self._now = self._now, None
        if now is not None:
            self.refiner.add(now, self._within(canvas.plane, canvas.index))

    def key(self, canvas: PlaneCanvas, event: QKeyEvent) -> bool:
        key, refiner = event.key(), self.refiner
        if key == Qt.Key.Key_Space and self._able():
            against = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            refiner.add(Mark(not against, [canvas.scene.cursor]), self._within(canvas.plane, canvas.index))
        elif not refiner.marks:
            return False
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            refiner.accept(wait=True)
        elif key == Qt.Key.Key_Escape:
            refiner.clear()
        elif key == Qt.Key.Key_Backspace:
            refiner.take_back()
        else:
            return False
        return True

    def claims(self, event: QKeyEvent) -> bool:
        """Space marks while clicks refine; it must not sign a case of the worklist then."""
        return event.key() == Qt.Key.Key_Space

    def paint(self, canvas: PlaneCanvas, painter: QPainter) -> None:
        across = canvas.plane.across
        for mark in [*self.refiner.marks, *([self._now] if self._now is not None else [])]:
            points = [
                canvas.to_screen(*canvas.plane.point(one, canvas.scene.shape))
                for one in mark.voxels if one[across] == canvas.index
            ]  # fmt: skip
            if points:
                _draw(painter, points, wanted=mark.wanted)

    def leave(self) -> None:
        self._now = None
        self.refiner.accept()


def _draw(painter: QPainter, points: list[QPointF], *, wanted: bool) -> None:
    """A line through the points and a badge with its sign at their start, told apart without colour too."""
    colour = QColor(FOR if wanted else AGAINST)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if len(points) > 1:
        for pen in (QPen(QColor(0, 0, 0, 160), 5), QPen(colour, 3)):
            painter.setPen(pen)
            painter.drawPolyline(points)
    at, radius, arm = points[0], 7.0, 3.5
    painter.setPen(QPen(QColor(0, 0, 0, 200), 1.5))
    painter.setBrush(colour)
    painter.drawEllipse(at, radius, radius)
    painter.setPen(QPen(QColor("#FFFFFF"), 2))
    painter.drawLine(at - QPointF(arm, 0), at + QPointF(arm, 0))
    if wanted:
        painter.drawLine(at - QPointF(0, arm), at + QPointF(0, arm))
    painter.setBrush(Qt.BrushStyle.NoBrush)  # whoever draws next wants no filled shapes
