"""Labels under correction: a copy-on-write array, its names and colours, its undo, what is unsaved of it."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor

from workbench.core.colours import class_rgb
from workbench.core.problem import InputError
from workbench.core.volumes import Label, VolumeMeta
from workbench.gui.undo import Document
from workbench.gui.volumes import drafts
from workbench.gui.volumes.shapes import Mask
from workbench.gui.volumes.strokes import Box, Stroke, TilesEdit, counts
from workbench.report.planes import spacing_zyx_mm

BUDGET_BYTES = 128 << 20
FEW = 256
"""Labels are searched for in an array that names none up to this value."""


def open_labels(path: Path) -> NDArray[Any]:
    """A label array of which written pages alone take memory; the file is never changed.

    Shape (z, y, x); truth values become 0 and 1. Raises InputError.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError("These labels cannot be read.", expected="a whole .npy array", received=str(error),
                         fix="Make them again; the rest of the run is intact.", place=str(path)) from None  # fmt: skip
    if array.ndim != 3 or array.dtype.kind not in "biu" or not array.size:
        raise InputError("These are no labels of a volume.", expected="integers of shape (z, y, x)",
                         received=f"{array.dtype} of shape {array.shape}", fix="Choose a label volume.",
                         place=str(path))  # fmt: skip
    return array.view(np.uint8) if array.dtype == np.bool_ else array


class LabelMap(QObject):
    """What is painted on. Voxels change through `put` inside `stroke` … `finish`, or through `replace`."""

    changed = Signal(object)
    """The box of voxels that are other ones now."""
    restyled = Signal()
    """Names, colours, visibility or the active label changed."""
    counted = Signal()

    def __init__(
        self,
        array: NDArray[Any],
        meta: VolumeMeta,
        parent: QObject | None = None,
        *,
        path: Path | None = None,
        digest: tuple[int, int] | None = None,
    ) -> None:
        """`path` is the artifact; edits are kept beside it. Without one nothing is kept.

        `digest` is the artifact's `digest_of`, where it was worked out off the GUI thread already.
        """
        super().__init__(parent)
        self.array, self.meta, self.path = array, meta, path
        self.document = Document(self, budget_bytes=BUDGET_BYTES)
        self.labels: list[Label] = list(meta.labels)
        self.hidden: set[int] = set()
        self.active = self.labels[0].value if self.labels else 1
        self.only_over: str = "anything"
        """What may be painted over: 'anything' or 'background'."""
        self.voxels: dict[int, int] | None = None
        """Voxels per value; None until they have been counted."""
        self.dirty: set[int] = set()
        """Slices along z that changed since they were last packed."""
        self._packed: dict[int, bytes] = {}
        self._unwritten: list[set[int]] = []
        """Slices whose writing failed on another thread."""
        self._digest = digest
        self._read_labels = list(meta.labels)
        self._stroke: Stroke | None = None
        self._changed_before_count = False

    # Names and colours

    @property
    def values(self) -> list[int]:
        """The labels' values in their order."""
        return [one.value for one in self.labels]

    def name(self, value: int) -> str:
        """What a value means."""
        return next((one.name for one in self.labels if one.value == value), "" if value == 0 else f"label {value}")

    def colour(self, value: int) -> QColor:
        """A label's own colour, or the next one of the colour-blind-safe palette."""
        at = self.values.index(value) if value in self.values else value - 1
        own = QColor(self.labels[at].colour) if value in self.values and self.labels[at].colour else QColor()
        return own if own.isValid() else QColor(*class_rgb(at))

    def choose(self, value: int) -> None:
        """Paint with this label from now on."""
        if value in self.values and value != self.active:
            self.active = value
            self.restyled.emit()

    def show_label(self, value: int, shown: bool) -> None:
        """Show a label or hide it."""
        (self.hidden.discard if shown else self.hidden.add)(value)
        self.restyled.emit()

    def add_label(self, name: str = "") -> Label:
        """A new label with the next free value; raises InputError when the array's type holds no further one."""
        value = max([0, *self.values]) + 1
        if value > np.iinfo(self.array.dtype).max:
            raise InputError("There is no room for a further label.", expected=f"values of {self.array.dtype}",
                             received=str(value), fix="Use one of the labels that are there.")  # fmt: skip
        added = Label(value, name or f"label {value}")
        self.labels.append(added)
        self.active = value
        self.restyled.emit()
        return added

    def restyle(self, value: int, *, name: str | None = None, colour: str | None = None) -> None:
        """Rename or recolour a label."""
        changes = {key: one for key, one in (("name", name), ("colour", colour)) if one is not None}
        self.labels = [msgspec.structs.replace(one, **changes) if one.value == value else one for one in self.labels]
        self.restyled.emit()

    # Volumes

    @property
    def voxel_ml(self) -> float:
        """The volume of a voxel in millilitres."""
        return float(np.prod(spacing_zyx_mm(self.meta.geometry))) / 1000

    def ml(self, value: int) -> float | None:
        """A label's volume; None until it has been counted."""
        return None if self.voxels is None else self.voxels.get(value, 0) * self.voxel_ml

    def count(self) -> dict[int, int]:
        """Voxels per value, slice by slice; may run on any thread, while nothing is painted."""
        total: dict[int, int] = {}
        for flat in self.array:
            for value, number in counts(flat).items():
                total[value] = total.get(value, 0) + number
        return total

    def take_count(self, voxels: dict[int, int]) -> bool:
        """What `count` found; False where somebody painted meanwhile, so that it must be counted once more.

        Values that nothing names get a name if they are few.
        """
        if self._changed_before_count:
            self._changed_before_count = False
            return False
        self.voxels = {value: number for value, number in voxels.items() if value}
        unnamed = sorted(value for value in self.voxels if value > 0 and value not in self.values)[:FEW]
        if unnamed:
            self.labels += [Label(value, f"label {value}") for value in unnamed]
            if self.active not in self.values:
                self.active = self.labels[0].value
            self.restyled.emit()
        self.counted.emit()
        return True

    # Painting

    def stroke(self) -> None:
        """An edit begins: what is put from now on is one step."""
        if self._stroke is None:
            self._stroke = Stroke(self.array)

    def put(self, box: Box, mask: Mask, value: int | None = None) -> None:
        """Paint the active label (or another one) where the mask of a box says; 0 erases the active one only."""
        value = self.active if value is None else value
        if self._stroke is None:
            raise RuntimeError("put without a stroke")
        region = self.array[box]
        if value == 0:
            mask = mask & (region == self.active)
        elif self.only_over == "background":
            mask = mask & (region == 0)
        if not mask.any():
            return
        self._stroke.touch(box)
        region[mask] = value
        self.changed.emit(box)

    def finish(self, text: str) -> None:
        """The edit ends and can be undone."""
        stroke, self._stroke = self._stroke, None
        edit = stroke.finish(self._told, text=text) if stroke is not None else None
        if edit is not None:
            self._told(edit, 1)
            self.document.push(edit)

    def try_out(self, box: Box, mask: Mask) -> None:
        """Show the active label of a box as this mask, in place of what was tried before in the edit under way.

        `finish` keeps it as one step, `abandon` puts back what was there.
        """
        self._put_back()
        self.stroke()
        region = self.array[box]
        gained = mask & (region != self.active)
        if self.only_over == "background":
            gained &= region == 0
        if self._stroke is not None:
            self._stroke.touch(box)
        region[(region == self.active) & ~mask] = 0
        region[gained] = self.active
        self.changed.emit(box)

    def before(self, box: Box) -> NDArray[Any]:
        """A copy of a box as it was before the edit under way."""
        found = self.array[box].copy()
        if self._stroke is not None:
            self._stroke.undo_within(found, box)
        return found

    def abandon(self) -> None:
        """The edit under way never was."""
        self._put_back()
        self._stroke = None

    def _put_back(self) -> None:
        box = self._stroke.put_back() if self._stroke is not None else None
        if box is not None:
            self.changed.emit(box)

    def replace(self, box: Box, mask: Mask, text: str) -> int:
        """Make the active label of a box this mask, in one step; returns how many voxels changed."""
        region = self.array[box]
        lost = (region == self.active) & ~mask
        gained = mask & (region != self.active)
        if self.only_over == "background":
            gained &= region == 0
        self.stroke()
        if self._stroke is not None:
            self._stroke.touch(box)
        region[lost] = 0
        region[gained] = self.active
        self.changed.emit(box)
        self.finish(text)
        return int(lost.sum() + gained.sum())

    def _told(self, edit: TilesEdit, sign: int) -> None:
        """An edit was made or redone (+1) or undone (−1)."""
        self.dirty.update(range(edit.box[0].start, edit.box[0].stop))
        if self.voxels is None:
            self._changed_before_count = True
        else:
            for value, gained in edit.gained.items():
                if value:
                    self.voxels[value] = self.voxels.get(value, 0) + sign * gained
        self.changed.emit(edit.box)
        self.counted.emit()

    # Keeping

    def snapshot(self) -> Callable[[], None]:
        """What writes the present edits beside the artifact; only slices touched since the last one are copied."""
        while self._unwritten:
            self.dirty |= self._unwritten.pop()
        copies = {z: self.array[z].copy() for z in self.dirty}
        if self._stroke is not None:  # what is only tried out is not kept
            self._stroke.undo_in(copies)
        self.dirty = set()
        return functools.partial(self._write, copies, list(self.labels))

    def _write(self, copies: dict[int, NDArray[Any]], labels: list[Label]) -> None:
        if self.path is None:
            return
        try:
            original = open_labels(self.path)
            for z, flat in copies.items():
                if np.array_equal(original[z], flat):
                    self._packed.pop(z, None)
                else:
                    self._packed[z] = drafts.packed(flat)
            self._digest = self._digest or digest_of(self.path)
            z_y_x: Any = original.shape
            edits = drafts.EditedSlices(z_y_x, original.dtype.str, *self._digest, labels, dict(self._packed))
            kept = edits if self._packed or labels != self._read_labels else None
            drafts.write(drafts.edits_path(self.path), kept)
        except OSError:
            self._unwritten.append(set(copies))
            raise

    def take_up(self) -> int:
        """Put edits that were autosaved last time back, as one step that can be undone; returns how many slices.

        Raises InputError where they cannot be used; the labels then stand as the artifact has them.
        """
        edits = drafts.read(drafts.edits_path(self.path)) if self.path is not None else None
        if edits is None or self.path is None:
            return 0
        self._digest = self._digest or digest_of(self.path)
        if (edits.size_bytes, edits.checksum) != self._digest:
            raise InputError("The autosaved edits belong to an earlier state of these labels.",
                             expected="the labels that were edited", received="labels written since",
                             fix="Move the file of edits away to go on without them.",
                             place=str(drafts.edits_path(self.path)))  # fmt: skip
        found = drafts.take_up(edits, self.array)
        self._packed = dict(edits.slices)
        self.labels = edits.labels or self.labels
        self.stroke()
        for z, flat in found.items():
            box = (slice(z, z + 1), slice(0, flat.shape[0]), slice(0, flat.shape[1]))
            if self._stroke is not None:
                self._stroke.touch(box)
            self.array[z] = flat
            self.changed.emit(box)
        self.finish("take up last time's edits")
        self.restyled.emit()
        return len(found)

    def original(self, value: int) -> Mask:
        """Where the artifact has a label, (z, y, x); raises InputError."""
        if self.path is None:
            raise InputError("These labels come from no file.", fix="Choose another operand.")
        return np.asarray(open_labels(self.path) == value)


def digest_of(path: Path) -> tuple[int, int]:
    """Size and checksum of a file: run folders are copied around, so its times say nothing."""
    found = 0
    with path.open("rb") as file:
        while part := file.read(1 << 22):
            found = zlib.crc32(part, found)
    return path.stat().st_size, found
