"""DICOM files and folders: what can be loaded from them, and one of it as an array on disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from workbench.core.job import JobCancelled
from workbench.core.problem import InputError, Problem
from workbench.core.volumes import Geometry, SeriesInfo, VolumeFile, VolumeMeta
from workbench.core.words import count
from workbench.engine.medical.arrays import ArrayWriter, check_room, damaged, thumbnail, write_array
from workbench.engine.medical.geometry import resample, squared, upright
from workbench.engine.medical.headers import SEG_CLASSES, File, Slice, kind_of, slices_of
from workbench.engine.medical.pixels import PixelReader
from workbench.engine.medical.stacks import FAR, Stack, stacks_of

RESAMPLED_BYTES = 9
"""Of memory per voxel while a tilted or uneven series is brought to an even grid: two int16 or float32 copies."""

Said = Callable[[int, int], object]
"""Hears how many slices of how many are decoded, and may raise to end the work."""


@dataclasses.dataclass(frozen=True)
class Found:
    """What DICOM files hold: volumes, label maps (DICOM SEG), and what cannot be shown."""

    stacks: list[Stack]
    segmentations: list[File]
    others: list[File]
    """Structured reports, plans, presentation states … without pixels."""
    faults: list[Problem]


def scan(paths: Iterable[Path], *, cancelled: Callable[[], bool] = lambda: False) -> Found:
    """Look at the headers of DICOM files; what is no DICOM or damaged ends up in `faults`."""
    slices: list[Slice] = []
    found = Found([], [], [], [])
    for path in paths:
        if cancelled():
            raise JobCancelled
        try:
            file, planes = slices_of(path)
        except InputError as problem:
            found.faults.append(problem)
            continue
        if file.sop_class in SEG_CLASSES and file.has_pixels:
            found.segmentations.append(file)
        elif planes:
            slices += planes
        else:
            found.others.append(file)
    found.stacks.extend(stacks_of(slices))
    return found


def listing(found: Found, thumbnails: Path | None, folder: Path) -> list[SeriesInfo]:
    """What was found as entries of a chooser; thumbnails are written into their folder, if one is given.

    The key of a DICOM SEG is its path relative to `folder`, as of every label file.
    """
    entries = [_entry(stack, thumbnails) for stack in found.stacks]
    entries += [
        SeriesInfo(
            key=label_key(file, folder), title=file.description or "Segmentation", modality="SEG",
            detail=f"DICOM SEG, {count(file.frames, 'frame')}", shape=(file.columns, file.rows, file.frames),
        )
        for file in found.segmentations
    ]  # fmt: skip
    for file in found.others:
        entries.append(
            SeriesInfo(
                key=f"other-{file.sop_uid[-24:] or file.path.name}", title=file.description or file.modality or "DICOM",
                modality=file.modality, problem=_without_pixels(file).what,
            )
        )  # fmt: skip
    return entries


def label_key(file: File, folder: Path) -> str:
    """The key of a DICOM SEG in a chooser."""
    return file.path.relative_to(folder).as_posix()


def _without_pixels(file: File) -> InputError:
    what = file.modality or "an object of another kind"
    return InputError(
        "This DICOM file holds no pixels to show.", expected="an image (CT, MR, PT …) or a DICOM SEG",
        received=f"{what}, {file.rows} × {file.columns} pixels" if file.rows else what,
        fix="Drop the folder of the images it belongs to.", place=file.path.name,
    )  # fmt: skip


def _entry(stack: Stack, thumbnails: Path | None) -> SeriesInfo:
    first, problem, picture = stack.slices[0], "", ""
    z, y, x = stack.shape
    try:
        plane = PixelReader().plane(stack.slices[len(stack.slices) // 2]) if thumbnails is not None else None
    except Problem as trouble:
        plane, problem = None, in_short(trouble)
    if plane is not None and thumbnails is not None:
        spacing = stack.geometry.spacing_mm
        picture = thumbnail(plane, thumbnails / f"{stack.key}.png", window=first.window, aspect=spacing[1] / spacing[0])
    words = [stack.detail, *stack.notes[:2]]
    return SeriesInfo(
        key=stack.key,
        title=_title(first.file, stack),
        modality=kind_of(first.file),
        detail="; ".join(word for word in words if word),
        shape=(x, y, z),
        spacing_mm=stack.geometry.spacing_mm,
        files=len({one.path for one in stack.slices}),
        thumbnail=picture,
        problem=problem,
    )


def in_short(trouble: Problem) -> str:
    """A problem in one line, for a chooser."""
    return f"{trouble.what.rstrip('.')}: {trouble.received}" if trouble.received else trouble.what


def _title(file: File, stack: Stack) -> str:
    named = file.description or " ".join(word.lower() for word in file.image_type[2:3])
    number = f"{file.number}: " if file.number else ""
    return f"{number}{named or file.modality or 'Series'}" + (f" ({stack.detail})" if stack.detail else "")


def read_stack(
    stack: Stack, out: Path, *, cancelled: Callable[[], bool] = lambda: False, said: Said = lambda done, of: None
) -> VolumeFile:
    """Decode a series into a .npy file at `out`: int16 where nothing is lost, else float32.

    Tilted and unevenly spaced series are resampled (linear) and missing slices stay empty; the notes
    say so. Raises InputError for pixels that cannot be decoded, KnownTrouble where memory or disk are short.
    """
    first = stack.slices[0]
    voxels = stack.shape[0] * stack.shape[1] * stack.shape[2]
    moved = stack.is_tilted or bool(stack.heights_mm)
    check_room(voxels * (RESAMPLED_BYTES if moved else 4), first.path, out.parent)
    notes = list(stack.notes)
    geometry = stack.geometry
    if moved:
        values, geometry = _even(stack, cancelled, said)
        writer = write_array(out, values)
    else:
        with ArrayWriter(out, stack.shape) as writer:
            _fill(stack, writer, cancelled, said)
    notes += told(writer)
    if any(one.file.samples > 1 or one.file.photometric == "PALETTE COLOR" for one in stack.slices):
        notes.append("colours were turned into brightness")
    if first.file.photometric == "MONOCHROME1":
        notes.append("this image is meant with low values bright (MONOCHROME1)")
    meta = VolumeMeta(
        geometry=geometry if moved else squared(geometry), modality=kind_of(first.file), unit=first.file.unit,
        window=first.window, title=_title(first.file, stack),
    )  # fmt: skip
    return VolumeFile(str(out), meta, tuple(notes))


def told(writer: ArrayWriter) -> list[str]:
    """Notes on what a writer came across."""
    bad = writer.not_finite
    return [f"{count(bad, 'voxel')} had no finite value and became 0"] if bad else []


def _planes(stack: Stack, cancelled: Callable[[], bool], said: Said) -> Iterable[np.ndarray]:
    reader = PixelReader()
    for at, one in enumerate(stack.slices):
        if cancelled():
            raise JobCancelled
        yield reader.plane(one)
        said(at + 1, len(stack.slices))


def _fill(stack: Stack, writer: ArrayWriter, cancelled: Callable[[], bool], said: Said) -> None:
    taken = dict(zip(stack.places, range(len(stack.slices)), strict=True))
    planes = iter(_planes(stack, cancelled, said))
    empty: list[int] = []
    for z in range(stack.depth):
        if z in taken:
            writer.put(z, next(iter(planes)))
        else:
            empty.append(z)
    for z in empty:
        # Nothing is invented where a slice is missing: it shows as the darkest value of the volume.
        writer.put(z, np.full(stack.shape[1:], np.floor(writer.low)))


def _even(stack: Stack, cancelled: Callable[[], bool], said: Said) -> tuple[np.ndarray, Geometry]:
    """A tilted or unevenly spaced series on an upright, even grid."""
    planes = np.stack([_compact(plane) for plane in _planes(stack, cancelled, said)])
    low = float(planes.min())
    if stack.heights_mm:
        at = np.arange(stack.depth) * (stack.heights_mm[-1] / max(stack.depth - 1, 1))
        step = stack.heights_mm[-1] / max(stack.depth - 1, 1)
        volume = _between(planes, np.array(stack.heights_mm), at, low)
        # The grid ends exactly at the last slice, so its step may be a little under the usual gap.
        tall = stack.geometry.spacing_mm[2] * _uprightness(stack.geometry)
        spacing = stack.geometry.spacing_mm
        scaled = (spacing[0], spacing[1], spacing[2] * step / tall)
        geometry = Geometry(scaled, stack.geometry.origin_mm, stack.geometry.direction)
    else:
        volume = np.full(stack.shape, low, planes.dtype)
        volume[list(stack.places)] = planes
        geometry = stack.geometry
    if not stack.is_tilted:
        return volume, squared(geometry)
    grid, shape = upright(geometry, volume.shape)
    return resample(volume, geometry, grid, shape, nearest=False, fill=low), grid


def _uprightness(geometry: Geometry) -> float:
    direction = np.array(geometry.direction).reshape(3, 3)
    return abs(float(np.cross(direction[:, 0], direction[:, 1]) @ direction[:, 2]))


def _compact(plane: np.ndarray) -> np.ndarray:
    whole = plane.dtype.kind in "iu" or bool((plane == np.rint(plane)).all())
    inside = plane.size and plane.min() >= -32768 and plane.max() <= 32767
    return plane.astype(np.int16 if whole and inside else np.float32)


def _between(planes: np.ndarray, heights: np.ndarray, at: np.ndarray, low: float) -> np.ndarray:
    """Planes (z, y, x) at increasing heights, linearly at other heights; `low` within gaps too far to bridge."""
    found = np.full((len(at), *planes.shape[1:]), low, planes.dtype)
    usual, near = float(np.median(np.diff(heights))), 1e-3
    for z, height in enumerate(at):
        above = int(np.clip(np.searchsorted(heights, height), 1, len(heights) - 1))
        gap = heights[above] - heights[above - 1]
        if gap > FAR * usual and min(height - heights[above - 1], heights[above] - height) > near:
            continue
        share = float(np.clip((height - heights[above - 1]) / gap, 0, 1))
        mixed = planes[above - 1] * (1 - share) + planes[above] * share
        found[z] = np.rint(mixed) if planes.dtype.kind == "i" else mixed
    return found


def source_files(stack: Stack) -> Sequence[Path]:
    """The files of a series in the order of its slices, each once."""
    return list(dict.fromkeys(one.path for one in stack.slices))


def only(found: Found, place: Path) -> InputError:
    """Why there is nothing to load here."""
    if found.others:
        return _without_pixels(found.others[0])
    if found.faults and isinstance(found.faults[0], InputError):
        return found.faults[0]
    return damaged(place, "DICOM", "no DICOM images")
