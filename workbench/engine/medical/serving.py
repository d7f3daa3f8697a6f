"""Segmenting a person's case with a network: their grid in, their grid out, with a partial result on the way."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import nn

from workbench.core.documents import Answer
from workbench.core.problem import InputError
from workbench.core.segmenting import GrowingLabels, ProbabilityMap, Segmented, SegmentingWish
from workbench.core.volumes import Geometry, Label, VolumeFile, VolumeMeta
from workbench.core.words import spaced
from workbench.engine.devices import Place
from workbench.engine.medical import doubt
from workbench.engine.medical.gathering import Elsewhere, Gathering
from workbench.engine.medical.geometry import is_same_grid, resample, turned_axes
from workbench.engine.medical.segmentation import Floats, Windows
from workbench.engine.medical.sliding import Fast, Growing, slide_by_slabs
from workbench.engine.text import cache

SHOWN_SHARE = 0.15
"""Of the time that partial results may take."""
FIRST_SHOWN_S = 0.5
DISCLAIMER = "Research use only, not a medical device."
HU_FLOOR = -400.0
"""No MR image has values as low as this; every CT with air in it does."""


@dataclasses.dataclass(frozen=True)
class Readable:
    """A case as the network reads it: channels (C, z, y, x) on its grid, and the grid of the answer.

    `meta` and `shape` (z, y, x) are those of the volume that was asked about.
    """

    image: Floats
    grid: Geometry
    meta: VolumeMeta
    shape: tuple[int, ...]
    name: str


@dataclasses.dataclass(frozen=True)
class Reader:
    """A network and how its answers are meant. `mirrors` are the axes (0 z, 1 y, 2 x) it may see turned round.

    `assemble` makes label values (d, y, x) of probabilities (K, d, y, x), voxel by voxel.
    """

    model: nn.Module
    windows: Windows
    place: Place
    labels: tuple[Label, ...]
    assemble: Callable[[Floats], NDArray[np.uint8]]
    name: str
    mirrors: tuple[int, ...] = ()
    counts: Callable[[Floats, NDArray[np.uint8]], list[tuple[str, int]]] | None = None
    """Names and voxels to tell of, from probabilities and labels of some slices; without, the labels' own."""
    maps: tuple[str, ...] = ()
    """What each of the K channels is the probability of; without, the labels after a background."""

    @property
    def channels(self) -> tuple[str, ...]:
        """A name for each of the K channels that a person may look at; '' for a background."""
        named = {one.value: one.name for one in self.labels}
        return self.maps or tuple(named.get(value, "") for value in range(max([0, *named]) + 1))


def fast(job: Any, model: nn.Module, windows: Windows, *, channels: int, place: Place) -> Fast:
    """The network in its faster form, exact where the settings ask for fp32; kept beside it by who is warm."""
    return Fast(model, channels, windows.size, place, exact=getattr(job, "precision", "") == "fp32")


def name_of(folder: Path) -> str:
    """The name of a saved model for those who read its results later: its recipe and its run."""
    try:
        card = json.loads((folder / "workbench.json").read_text(encoding="utf-8"))
        told = card.get("config", {}).get("recipe", ""), card.get("run", "")
    except (OSError, ValueError):
        return folder.name
    return " ".join(str(one) for one in told if one) or folder.name


def wish_of(inputs: dict[str, Any]) -> SegmentingWish | None:
    """What the page of cases or `medical segment` asks; None where inputs name a file, as `apply` does.

    Raises InputError where it is malformed.
    """
    if "channels" not in inputs:
        return None
    try:
        return msgspec.convert({key: one for key, one in inputs.items() if one is not None}, SegmentingWish)
    except msgspec.ValidationError as error:
        raise InputError("The question is malformed.", expected="volumes by channel", received=str(error)[:200],
                         field="channels") from None  # fmt: skip


def channels_of(wish: SegmentingWish, channels: Sequence[str], modality: str) -> tuple[Floats, VolumeMeta]:
    """The model's channels (C, z, y, x) in its order, on the grid of the first volume, and how that lies.

    Raises InputError where channels lack a volume, or volumes are of another modality.
    """
    missing = [name for name in channels if name not in wish.channels]
    if missing:
        raise InputError(
            "This case lacks sequences that the model learned from.", expected=", ".join(channels),
            received=", ".join(wish.channels) or "none",
            fix=f"Open the case with all its sequences and choose one for {', '.join(missing)}.", field="channels",
        )  # fmt: skip
    files = [wish.channels[name] for name in channels]
    used = [one.path for one in files]
    if len(set(used)) < len(used):
        raise InputError("One volume stands for two sequences.", expected=f"{len(used)} different volumes",
                         received=str(len(set(used))), fix="Choose another volume for one of them.",
                         field="channels")  # fmt: skip
    gone = [one.path for one in files if not Path(one.path).exists()]
    if gone:
        raise InputError("The copy of this case in the cache is gone.", expected=f"a file {Path(gone[0]).name}",
                         received="none, as after the cache was cleared", fix="Open the case again.",
                         field="channels")  # fmt: skip
    first = np.load(files[0].path, mmap_mode="r", allow_pickle=False)
    grid, found = files[0].meta.geometry, []
    for name, file in zip(channels, files, strict=True):
        array = np.load(file.path, mmap_mode="r", allow_pickle=False)
        _check_modality(name, file.meta, array, modality)
        values = np.asarray(array, np.float32)
        if values.shape != first.shape or not is_same_grid(file.meta.geometry, grid, first.shape):
            values = resample(values, file.meta.geometry, grid, first.shape, nearest=False)
        found.append(values)
    return np.stack(found), files[0].meta


def _check_modality(name: str, meta: VolumeMeta, array: NDArray[Any], modality: str) -> None:
    lowest = float(array[:: max(1, len(array) // 12)].min())
    told = meta.modality or ("CT" if modality == "MR" and lowest < HU_FLOOR else "")
    if modality and told and told != modality:
        raise InputError(
            f"This model reads {modality}, and this is {told}.", expected=f"{modality} for {name}",
            received=told if meta.modality else f"values down to {lowest:.0f}, which only CT has",
            fix="Choose a model that learned from such images.", field="channels",
        )  # fmt: skip


def check_size(meta: VolumeMeta, shape: Sequence[int], least_mm: Sequence[float]) -> None:
    """Raises InputError where a volume (z, y, x) is smaller than the least extents (z, y, x) along any axis."""
    spans = [count * step for count, step in zip(shape, reversed(meta.geometry.spacing_mm), strict=True)]
    if any(span < least for span, least in zip(spans, least_mm, strict=True)):
        raise InputError(
            "This image is too small for the model.",
            expected="at least " + " × ".join(f"{one:.0f}" for one in reversed(least_mm)) + " mm",
            received=" × ".join(f"{one:.0f}" for one in reversed(spans)) + " mm",
            fix="Open an image of the whole region that the model learned from.", field="channels",
        )  # fmt: skip


def segment(job: Any, reader: Reader, case: Readable, wish: SegmentingWish | None = None) -> Segmented:
    """Labels, entropy and volumes of a case on its own grid; partial labels are shown by `job.partial` on the way.

    `job` is an ApplyContext (or a run's job, which is told nothing of partial results). Raises JobCancelled
    within a batch of windows, InputError where mirrored readings are asked of a model that may not have them.
    """
    began = time.perf_counter()
    mirrored: list[tuple[int, ...]] = [()]
    if wish is not None and wish.mirrored:
        mirrored += [(axis,) for axis in reader.mirrors]
        if not reader.mirrors:
            raise InputError(
                "This model cannot read mirrored images.", expected="a model that learned from mirrored images",
                received="one whose images all lie alike", fix="Switch test-time augmentation off.", field="mirrored",
            )  # fmt: skip
    space = case.image.shape[1:]
    turned = turned_axes(case.grid, case.meta.geometry, space) if space == case.shape else None
    gathering = Gathering(case.shape, reader.windows.reading, reader.assemble, reader.counts or _counted(reader.labels),
                          reader.channels if wish is not None and wish.probabilities else ())  # fmt: skip
    elsewhere = Elsewhere(space, case.grid)
    shower = _Shower(job, reader, case)

    def finished(start: int, share: Floats) -> None:
        if turned is None:
            elsewhere.take(start, share)
            if shower.wanted:
                shower.keep(start, reader.assemble(share))
            return
        first = space[0] - start - share.shape[1] if 0 in turned else start
        labels = gathering.take(first, np.flip(share, tuple(axis + 1 for axis in turned)))
        shower.keep(start, np.flip(labels, turned))

    try:
        slide_by_slabs(reader.model, case.image, reader.windows, reader.place, finished, told=shower.told,
                       focus=_focus(case, wish), mirrored=mirrored)  # fmt: skip
        if turned is None:
            elsewhere.onto(case.meta.geometry, case.shape, gathering.take,
                           lambda start: _say(job, 1, 1, "bringing it onto the image's grid"))  # fmt: skip
        elsewhere.clear()
        _say(job, 1, 1, "measuring uncertainty")
        spacing = tuple(reversed(case.meta.geometry.spacing_mm))
        answer = _document(reader, case, gathering)
        answer.slices = tuple(doubt.ranked(gathering.unsure, gathering.labels > 0, spacing))
        answer.answers[0].seconds = time.perf_counter() - began
        return answer
    finally:
        gathering.close()
        shower.close()


def _counted(labels: Sequence[Label]) -> Callable[[Floats, NDArray[np.uint8]], list[tuple[str, int]]]:
    """Voxels of each label in some slices, by its name."""

    def counts(_: Floats, made: NDArray[np.uint8]) -> list[tuple[str, int]]:
        found = np.bincount(made.ravel(), minlength=256)
        return [(one.name, int(found[one.value])) for one in labels]

    return counts


def _document(reader: Reader, case: Readable, gathering: Gathering) -> Segmented:
    voxel_ml = float(np.prod(case.meta.geometry.spacing_mm)) / 1000
    volumes = [(name, round(count * voxel_ml, 2)) for name, count in gathering.voxels.items()]
    there = [one for one in volumes if one[1] > 0]
    told = ", ".join(f"{name} {spaced(volume, 1)} ml" for name, volume in sorted(there, key=lambda one: -one[1])[:3])
    out = cache.folder("segmentations")
    stem = cache.digest(reader.name, case.name, gathering.digest())
    made = msgspec.structs.replace(
        case.meta, modality="SEG", unit="", window=None, labels=reader.labels, title=f"{case.name}, segmented"
    )
    between = msgspec.structs.replace(
        case.meta, modality="OT", unit="", window=(0.5, 1.0), labels=(), title=f"{case.name}, uncertainty"
    )
    values = {one.name: one.value for one in reader.labels}
    maps = [
        ProbabilityMap(name, values.get(name, 0), VolumeFile(str(path), msgspec.structs.replace(
            between, window=(127.5, 255.0), title=f"{case.name}, probability of {name}")))
        for _, name, path in gathering.kept(out, stem)
    ]  # fmt: skip
    headline = told or "Nothing was found."
    return Segmented(
        [Answer("Segmentation", headline, scores=volumes, note=DISCLAIMER)],
        labels=VolumeFile(str(_kept(out / f"{stem}.npy", gathering.labels)), made),
        uncertainty=VolumeFile(str(_kept(out / f"{stem}-uncertainty.npy", gathering.unsure)), between),
        probabilities=tuple(maps),
        model=reader.name,
    )


def _kept(path: Path, array: NDArray[Any]) -> Path:
    def save(scratch: Path) -> None:
        with scratch.open("wb") as file:
            np.save(file, array, allow_pickle=False)

    return cache.keep(path, save)


def _say(job: Any, done: int, of: int, words: str) -> None:
    if hasattr(job, "partial"):
        job.progress(done, of, words)
    else:
        job.progress(0, 0)


def _focus(case: Readable, wish: SegmentingWish | None) -> tuple[float, ...] | None:
    """The person's place (z, y, x) on the network's grid."""
    if wish is None or wish.focus is None:
        return None
    from workbench.engine.medical.geometry import affine_of

    z, y, x = wish.focus
    there = np.linalg.inv(affine_of(case.grid)) @ affine_of(case.meta.geometry) @ [x, y, z, 1.0]
    return tuple(float(one) for one in there[2::-1])


class _Shower:
    """Tells how far the windows are and, as time allows, writes what there is into an array that is looked at."""

    def __init__(self, job: Any, reader: Reader, case: Readable) -> None:
        self.job, self.reader, self.case = job, reader, case
        self.path: Path | None = None
        self._next = time.perf_counter() + FIRST_SHOWN_S
        self.wanted = hasattr(job, "partial")
        self._labels = np.zeros(case.image.shape[1:] if self.wanted else 0, np.uint8)

    def keep(self, start: int, labels: NDArray[np.uint8]) -> None:
        """Labels (d, y, x) on the network's grid, of slices from `start` on, that stay as they are."""
        if self.wanted:
            self._labels[start : start + len(labels)] = labels

    def told(self, growing: Growing) -> None:
        """After a batch of windows; raises JobCancelled."""
        words = f"window {spaced(growing.done)} of {spaced(growing.of)}"
        _say(self.job, growing.done, growing.of, words)
        now = time.perf_counter()
        if not self.wanted or now < self._next or growing.done >= growing.of:
            return
        made = VolumeFile(str(self._write(growing)), msgspec.structs.replace(
            self.case.meta, modality="SEG", unit="", window=None, labels=self.reader.labels, title=""))  # fmt: skip
        share = growing.done / growing.of
        self.job.partial(GrowingLabels(made, share), growing.done, growing.of, words)
        self._next = time.perf_counter() + (time.perf_counter() - now) / SHOWN_SHARE

    def _write(self, growing: Growing) -> Path:
        for start, share, reached in growing.parts():
            self._labels[start : start + len(reached)] = np.where(reached, self.reader.assemble(share), 0)
        labels, case = self._labels, self.case
        if case.grid != case.meta.geometry or labels.shape != case.shape:
            labels = resample(labels, case.grid, case.meta.geometry, case.shape, nearest=True)
        if self.path is None:
            self.path = cache.folder("segmentations") / f"growing-{uuid.uuid4().hex}.npy"
            np.lib.format.open_memmap(self.path, "w+", np.uint8, labels.shape).flush()
        grown: Any = np.load(self.path, mmap_mode="r+", allow_pickle=False)
        grown[:] = labels
        grown.flush()
        return self.path

    def close(self) -> None:
        """Nobody looks at the partial result any more, or has it open already."""
        if self.path is not None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
