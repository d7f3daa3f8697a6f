"""From a path to something to look at: the case, its series, their arrays, the labels kept of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from workbench.core.problem import Problem
from workbench.core.volumes import CaseInfo, Label, SeriesInfo, VolumeFile, VolumeMeta
from workbench.gui.asking import Asking
from workbench.gui.cases import keeping
from workbench.gui.cases.chooser import LABELS, usual
from workbench.gui.cases.keeping import LabelSet
from workbench.gui.link import Link
from workbench.gui.volumes.labelmap import digest_of, open_labels
from workbench.gui.volumes.scene import Layer, check_same_grid, open_volume


@dataclasses.dataclass
class Shown:
    """Labels to be shown: the array (z, y, x), what it means, and the file beside which its edits are kept.

    `restored` tells that edits of last time come with them.
    """

    array: NDArray[Any]
    kept: LabelSet
    path: Path
    restored: bool
    digest: tuple[int, int] | None
    """Of the file, where edits on it are to be taken up."""


@dataclasses.dataclass
class OpenCase:
    """A case that is being looked at; `key` is the series that others are laid over."""

    info: CaseInfo
    series: list[SeriesInfo]
    files: list[VolumeFile]
    folder: Path
    """Where its labels are kept."""
    is_sample: bool = False
    is_dicom: bool = False
    shared: Path | None = None
    """In a review: where lies what all readers begin from."""
    layers: list[Layer] = dataclasses.field(default_factory=list)
    labels: Shown | None = None
    notes: list[str] = dataclasses.field(default_factory=list)
    other: LabelSet | None = None
    """Other labels of the case that are not shown: with edits, or read from its files."""
    placed: dict[int, VolumeFile | None] = dataclasses.field(default_factory=dict)
    """Volumes of other grids as they are shown, on that of the first; None where they lie elsewhere."""

    @property
    def key(self) -> str:
        """Of the first series."""
        return self.series[0].key

    @property
    def title(self) -> str:
        """The name of the file or folder, and the series."""
        names = ", ".join(one.title for one in self.series)
        return self.info.title if names in ("", self.info.title) else f"{self.info.title}  ·  {names}"


class Opening(QObject):
    """Asks the worker step by step; only the last wish counts."""

    found = Signal(object)
    """A CaseInfo with several series to choose from."""
    opened = Signal(object)
    """An OpenCase, its labels included."""
    labelled = Signal(object, object)
    """Shown labels for the case that is open, and notes about them."""
    failed = Signal(object)

    def __init__(self, link: Link, parent: QObject) -> None:
        super().__init__(parent)
        self._link = link
        self.asking = Asking(link, self, failed=self.failed.emit)
        self._is_sample = False
        self._keys: tuple[str, ...] = ()
        self._listed = False
        self.reader_of: Callable[[Path], str] = lambda path: ""
        """Whose review this is, where the case at a path is on the worklist."""

    def open(self, path: str, keys: tuple[str, ...] = (), *, listed: bool = False) -> None:
        """Look for what can be loaded; a single series, or those of `keys`, are opened at once.

        So is all of a case that is `listed` for review where its images lie on one lattice: a reader who steps
        through a hundred cases has nothing to choose there.
        """
        self._is_sample = False
        self._keys, self._listed = keys, listed
        self.asking.ask(f"Looking at {Path(path).name}", "case", CaseInfo, self._found, path=path)

    def open_sample(self) -> None:
        """Open a phantom that the worker writes once."""
        self._is_sample = True
        self.asking.ask("Making the sample case", "sample", CaseInfo, self._sample)

    def load(self, info: CaseInfo, series: Sequence[SeriesInfo]) -> None:
        """Read some series of a case: images side by side, and labels over them."""
        images = [one for one in series if one.modality != LABELS] or list(series[:1])
        labels = next((one for one in series if one.modality == LABELS and one not in images), None)
        folder = keeping.case_folder(self._link.home.edits, Path(info.path), images[0].key)
        case = OpenCase(info, images, [], folder, self._is_sample)
        reader = self.reader_of(Path(info.path))
        if reader:
            case.shared, case.folder = folder, keeping.reader_folder(folder, reader)
        self._read(case, labels)

    def add_labels(self, case: OpenCase, path: str, key: str = "") -> None:
        """Bring a label file onto the grid of the open case."""

        def then(found: VolumeFile) -> None:
            self.asking.work(
                "Opening labels", lambda: _opened(case.folder, keeping.take_in(case.folder, found)),
                lambda shown: self.labelled.emit(shown, found.notes),
            )  # fmt: skip

        self._ask_labels(case, path, key, then)

    def take_labels(self, case: OpenCase, found: VolumeFile, model: str, notes: Sequence[str]) -> None:
        """Show what a model made as labels of their own; those shown before stay as they are kept."""
        self.asking.work(
            "Opening labels", lambda: _opened(case.folder, keeping.take_in(case.folder, found, model=model)),
            lambda shown: self.labelled.emit(shown, notes),
        )  # fmt: skip

    def begin_labels(self, case: OpenCase) -> None:
        """An empty label volume for the open case."""
        layer = case.layers[0]
        meta = VolumeMeta(layer.meta.geometry, "SEG", labels=(Label(1, "Label 1"),))

        def work() -> Shown:
            return _opened(case.folder, keeping.begin(case.folder, layer.array.shape, meta))

        self.asking.work("Making labels", work, lambda shown: self.labelled.emit(shown, ()))

    def show_kept(self, case: OpenCase, labels: LabelSet) -> None:
        """Labels of the open case that were edited earlier."""

        def work() -> Shown:
            keeping.note_use(case.folder, labels)
            return _opened(case.folder, labels)

        self.asking.work("Opening labels", work, lambda shown: self.labelled.emit(shown, ()))

    def _found(self, info: CaseInfo) -> None:
        known = [one for one in info.series if one.key in self._keys and not one.problem]
        if known and len(known) == len(self._keys):
            self.load(info, known)
        elif self._plain(info.series):
            self.load(info, info.series)
        else:
            self.found.emit(info)

    def _plain(self, series: Sequence[SeriesInfo]) -> bool:
        """Whether there is nothing to choose."""
        alone = len(series) == 1 and not series[0].problem
        return alone or (self._listed and len(usual(series)) == len(series))

    def _sample(self, info: CaseInfo) -> None:
        self.load(info, [one for one in info.series if not one.problem])

    def _read(self, case: OpenCase, labels: SeriesInfo | None) -> None:
        if len(case.files) < len(case.series):
            one = case.series[len(case.files)]

            def then(found: VolumeFile) -> None:
                case.files.append(found)
                many = f"{one.title}: " if len(case.series) > 1 else ""
                case.notes += [many + note for note in found.notes]
                self._read(case, labels)

            self.asking.ask(f"Reading {one.title}", "volume", VolumeFile, then, path=case.info.path, key=one.key)
            return
        strange = next((at for at in range(1, len(case.files)) if at not in case.placed and _strange(case, at)), None)
        if strange is not None:
            self._place(case, strange, labels)
        elif labels is None:
            self._lay(case, None)
        else:
            self._ask_labels(case, case.info.path, labels.key, lambda found: self._lay(case, found))

    def _place(self, case: OpenCase, at: int, labels: SeriesInfo | None) -> None:
        """Bring a volume of another grid onto that of the first."""
        title, before = case.series[at].title, case.files[at]

        def then(found: VolumeFile | None) -> None:
            case.placed[at] = found
            told = found.notes[len(before.notes) :] if found is not None else ()
            case.notes += [f"{title}: {note}" for note in told]
            if found is None:
                case.notes.append(f"{title} lies elsewhere in the patient and is left out; open it by itself")
            self._read(case, labels)

        self.asking.ask(f"Laying {title} onto the first volume", "onto", VolumeFile | None, then,
                        volume=msgspec.to_builtins(before), like=msgspec.to_builtins(case.files[0]))  # fmt: skip

    def _ask_labels(self, case: OpenCase, path: str, key: str, then: Callable[[VolumeFile], None]) -> None:
        like = msgspec.to_builtins(case.files[0])
        self.asking.ask("Reading labels", "labels", VolumeFile, then, path=path, like=like, key=key)

    def _lay(self, case: OpenCase, found: VolumeFile | None) -> None:
        case.notes += found.notes if found is not None else ()
        self.asking.work("Opening", lambda: _laid(case, found), self.opened.emit)


def _opened(folder: Path, labels: LabelSet) -> Shown:
    path = folder / labels.file
    restored = keeping.has_edits(folder, labels)
    return Shown(open_labels(path), labels, path, restored, digest_of(path) if restored else None)


def _laid(case: OpenCase, found: VolumeFile | None) -> OpenCase:
    """The case with its layers and labels; works on files, so off the GUI thread.

    Labels that were edited when the case was open last go before those that were read now.
    """
    for at, (one, file) in enumerate(zip(case.series, case.files, strict=True)):
        shown = case.placed.get(at, file)
        if shown is not None:
            case.layers.append(Layer(open_volume(Path(shown.path)), shown.meta, title=one.title))
    case.is_dicom = _is_dicom(case)
    case.layers = _on_one_grid(case)
    try:
        if case.shared is not None:
            keeping.adopt(case.shared, case.folder)
        edited, sets = keeping.edited(case.folder), keeping.kept(case.folder).sets
    except Problem as problem:
        case.notes.append(" ".join(filter(None, (problem.what, problem.fix))))
        edited, sets, found = [], [], None
    last = edited[-1] if edited and sets[-1] == edited[-1] else None
    if case.shared is not None and last is None and sets:
        last = sets[-1]  # a review goes on with the labels it was left with, edited or not
    read = keeping.take_in(case.folder, found) if found is not None else None
    wanted = last or read
    if wanted is not None:
        keeping.note_use(case.folder, wanted)
        case.labels = _opened(case.folder, wanted)
    others = [one for one in (*edited, read) if one is not None and (wanted is None or one.file != wanted.file)]
    case.other = others[-1] if others else None
    return case


def _strange(case: OpenCase, at: int) -> bool:
    """Whether a volume has another grid than the first, as far as their headers tell."""
    first, other = case.files[0], case.files[at]
    shapes = [tuple(reversed(case.series[one].shape)) for one in (0, at)]
    if any(len(one) != 3 for one in shapes):
        return False
    try:
        check_same_grid(first.meta.geometry, shapes[0], other.meta.geometry, shapes[1])
    except Problem:
        return True
    return False


def _on_one_grid(case: OpenCase) -> list[Layer]:
    """The layers on the first one's grid; others are left out, which is noted."""
    fit = case.layers[:1]
    for layer in case.layers[1:]:
        try:
            check_same_grid(fit[0].meta.geometry, fit[0].array.shape, layer.meta.geometry, layer.array.shape)
            fit.append(layer)
        except Problem:
            case.notes.append(f"{layer.title} lies on another grid and is left out; open it by itself")
    return fit


def _is_dicom(case: OpenCase) -> bool:
    """Whether the first series is DICOM: the keys of all others are names of files."""
    place = Path(case.info.path)
    name = case.key.rpartition("#")[0] or case.key
    root = place if place.is_dir() else place.parent
    return bool(case.key) and place.exists() and not (root / name).is_file() and not (root / case.key).is_file()
