"""Find what can be loaded from a dropped file or folder, and read one of it into an array on disk."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from workbench.core.job import JobCancelled
from workbench.core.problem import InputError, KnownTrouble, Problem, did_you_mean
from workbench.core.volumes import CaseInfo, Geometry, SeriesInfo, VolumeFile, VolumeMeta
from workbench.core.words import count, spaced
from workbench.engine.medical import dicom, images, nifti
from workbench.engine.medical.arrays import ArrayWriter, check_room, thumbnail, write_array
from workbench.engine.medical.cases import (
    MOST_FILES,
    Kind,
    Part,
    is_header_of_pair,
    kind_of_file,
    looks_like_labels,
    parts_of,
    walk,
)
from workbench.engine.medical.geometry import is_sheared, resample, squared, upright
from workbench.engine.medical.headers import File
from workbench.engine.medical.stacks import Stack
from workbench.engine.text import cache

Cancelled = Callable[[], bool]
Told = Callable[[int, int], object]
"""Hears how many slices of how many are read, and may raise to end the work."""
DICOM_ENDINGS = (".dcm", ".ima")
MOST_ENTRIES = 400
MOST_THUMBNAILS = 40


def _never() -> bool:
    return False


@dataclasses.dataclass(frozen=True)
class Place:
    """A dropped path, looked at: the DICOM files and the other files that we know to read."""

    path: Path
    dicoms: list[Path]
    parts: list[Part]
    notes: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """What keys are relative to."""
        return self.path if self.path.is_dir() else self.path.parent


def find(path: Path, thumbnails: Path | None = None, *, cancelled: Cancelled = _never) -> CaseInfo:
    """What can be loaded from a file or folder; headers only, and the middle slices as PNGs in `thumbnails`.

    Series that cannot be loaded are listed with their problem. Raises InputError when nothing can.
    """
    place = _look(path)
    series: list[SeriesInfo] = []
    notes, faults = list(place.notes), list[Problem]()
    if place.dicoms:
        found = dicom.scan(place.dicoms, cancelled=cancelled)
        series += dicom.listing(found, thumbnails, place.folder)
        faults += found.faults
        if not any(not one.problem for one in series) and not place.parts:
            raise dicom.only(found, path) if not found.stacks else _first_problem(series, path)
    entries, more = _entries(place, thumbnails, cancelled)
    series += entries
    faults += more
    if not series:
        raise faults[0] if faults else _nothing(path)
    if not any(not one.problem for one in series):
        raise faults[0] if faults else _first_problem(series, path)
    if faults:
        named = ", ".join(sorted({one.place for one in faults})[:5])
        notes.append(f"{count(len(faults), 'file')} left out as damaged or unknown: {named}")
    return CaseInfo(str(path), path.name, tuple(series), tuple(notes))


def _look(path: Path) -> Place:
    if not path.exists():
        raise InputError(
            "There is nothing at this path.", expected="a file or a folder of images", received=str(path),
            fix="Check the path; a network drive may be away.", field="path", place=path.name,
        )  # fmt: skip
    if path.name.upper() == "DICOMDIR":
        path = path.parent
    if path.is_file():
        kind = kind_of_file(path) or ("dicom" if path.suffix.lower() in DICOM_ENDINGS else "")
        if not kind:
            raise _nothing(path)
        return Place(path, [path], [], ()) if kind == "dicom" else Place(path, [], [Part(path)], ())
    files = list(itertools.islice(walk(path), MOST_FILES + 1))
    notes = (f"only the first {spaced(MOST_FILES)} files were looked at",) if len(files) > MOST_FILES else ()
    dicoms: list[Path] = []
    others: dict[Path, list[Path]] = defaultdict(list)
    for file in files[:MOST_FILES]:
        kind = kind_of_file(file)
        if kind == "dicom" or (not kind and file.suffix.lower() in DICOM_ENDINGS):
            dicoms.append(file)
        elif kind and not is_header_of_pair(file):
            others[file.parent].append(file)
    parts = [part for group in others.values() for part in parts_of(group)]
    return Place(path, dicoms, parts, notes)


def _nothing(path: Path) -> InputError:
    return InputError(
        "There is no medical image here.",
        expected="DICOM, NIfTI (.nii, .nii.gz), NRRD, MHA/MHD, or pictures (PNG, JPEG, TIFF)",
        received=f"{path.name}: {'a folder without such files' if path.is_dir() else 'a file of another kind'}",
        fix="Drop the folder of a DICOM series, or one of these files.",
        field="path",
        place=path.name,
    )


def _first_problem(series: list[SeriesInfo], path: Path) -> InputError:
    return InputError(
        next(one.problem for one in series if one.problem), expected="at least one image that can be read",
        received=count(len(series), "damaged or unreadable series", "damaged or unreadable series"),
        fix="Copy or export the images again.", field="path", place=path.name,
    )  # fmt: skip


def _entries(place: Place, thumbnails: Path | None, cancelled: Cancelled) -> tuple[list[SeriesInfo], list[Problem]]:
    entries: list[SeriesInfo] = []
    faults: list[Problem] = []
    for part in place.parts:
        if cancelled():
            raise JobCancelled
        if len(entries) >= MOST_ENTRIES:
            faults.append(_too_many(place))
            break
        try:
            wanted = thumbnails if len(entries) < MOST_THUMBNAILS else None
            entries += _file_entries(part, part.path.relative_to(place.folder).as_posix(), wanted)
        except Problem as problem:
            faults.append(problem)
    return entries, faults


def _too_many(place: Place) -> InputError:
    return InputError(
        "There are more files here than one case has.",
        expected=f"at most {MOST_ENTRIES} volumes",
        received=str(len(place.parts)),
        fix="Drop the folder of one case.",
        field="path",
        place=f"all after {MOST_ENTRIES}",
    )


def _file_entries(part: Part, key: str, thumbnails: Path | None) -> list[SeriesInfo]:
    opened: nifti.Image | images.Header
    opened = nifti.open_image(part.path) if kind_of_file(part.path) == "nifti" else images.look(part.path)
    is_label = part.part == "Labels" or (not part.part and looks_like_labels(part.path))
    picture, problem = "", ""
    if thumbnails is not None:
        try:
            picture = _thumbnail(opened, thumbnails / f"{_digest(str(part.path), key)}.png")
        except Problem as trouble:
            problem = dicom.in_short(trouble)
    common = SeriesInfo(
        key=key, title=part.part or part.path.name, modality="SEG" if is_label else "MR" if part.part else "",
        detail="; ".join(opened.notes[:2]), shape=opened.shape, spacing_mm=opened.geometry.spacing_mm,
        thumbnail=picture, problem=problem,
    )  # fmt: skip
    if opened.frames == 1:
        return [common]
    return [
        msgspec.structs.replace(
            common, key=f"{key}#{frame + 1}", title=f"{common.title}, {frame + 1} of {opened.frames}",
            detail="; ".join(["one of several volumes in a four-dimensional file", *opened.notes[:1]]),
            thumbnail=picture if frame == 0 else "",
        )
        for frame in range(opened.frames)
    ]  # fmt: skip


def _thumbnail(opened: nifti.Image | images.Header, out: Path) -> str:
    middle = opened.shape[2] // 2
    spacing = opened.geometry.spacing_mm
    if isinstance(opened, nifti.Image):
        plane = next(itertools.islice(nifti.planes(opened), middle, None))
    else:
        plane = images.read_frame(opened)[middle]
    return thumbnail(plane, out, aspect=spacing[1] / spacing[0])


def _digest(*facts: object) -> str:
    return hashlib.sha256("\0".join(map(str, facts)).encode("utf-8", "surrogateescape")).hexdigest()[:20]


def cache_name(path: Path, key: str) -> str:
    """A name for the cached copy that changes with the files and tells nothing of the patient."""
    files = sorted(walk(path)) if path.is_dir() else [path]
    stamps = [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files[:MOST_FILES]]
    return _digest(path.absolute(), key, stamps)


def read(
    path: Path, key: str, out_folder: Path, *, cancelled: Cancelled = _never, told: Told = lambda done, of: None
) -> VolumeFile:
    """One volume as a (z, y, x) .npy in `out_folder`: int16 where nothing is lost by it, else float32.

    `key` is a SeriesInfo's ('' where there is only one). A copy of an earlier call is used again while
    the files are unchanged. `told` hears of each slice.
    Raises InputError for unknown keys and damaged files, KnownTrouble where memory or disk are short.
    """
    if not path.exists():
        _look(path)
    out = out_folder / f"{cache_name(path, key)}.npy"
    beside = out.with_suffix(".json")
    if out.exists() and beside.exists():
        for one in (out, beside):
            cache.touch(one)
        try:
            return msgspec.json.decode(beside.read_bytes(), type=VolumeFile)
        except (msgspec.DecodeError, OSError):
            beside.unlink(missing_ok=True)
    try:
        out_folder.mkdir(parents=True, exist_ok=True)
        found = _read(path, key, out, cancelled, told)
        beside.write_bytes(msgspec.json.encode(found))
    except OSError as error:
        raise KnownTrouble(
            "The volume's copy in the cache cannot be written.",
            expected="a writable home with room",
            received=error.strerror or type(error).__name__,
            fix="Free some space, or move the home with WORKBENCH_HOME.",
            place=str(out_folder),
        ) from None
    return found


def _read(path: Path, key: str, out: Path, cancelled: Cancelled, told: Told) -> VolumeFile:
    place = _look(path)
    stacks: dict[str, Stack] = {}
    names = {part.path.relative_to(place.folder).as_posix(): part for part in place.parts}
    if place.dicoms and key not in names:
        found = dicom.scan(place.dicoms, cancelled=cancelled)
        stacks = {stack.key: stack for stack in found.stacks}
        labels = [one for one in found.segmentations if not stacks or dicom.label_key(one, place.folder) == key]
        if labels or (not stacks and not names):
            raise _segmentation(labels[0]) if labels else dicom.only(found, path)
    known = [*stacks, *names]
    chosen = key or (known[0] if len(known) == 1 else "")
    if chosen in stacks:
        return dicom.read_stack(stacks[chosen], out, cancelled=cancelled, said=told)
    name, frame = _split(chosen, names)
    if name not in names:
        raise InputError(
            "There is no such series here." if key else "Several series are here; one has to be chosen.",
            expected="one of " + ", ".join(known[:20]),
            received=key or "no choice",
            fix=did_you_mean(key, known) or "Look at the list again: files may have changed.",
            field="key",
            place=path.name,
        )
    return read_file(names[name], frame, out, told)


def _segmentation(file: File) -> InputError:
    return InputError(
        "This is a segmentation, not an image.", expected="a DICOM series of images", received="DICOM SEG",
        fix="Load the images first, then open it as labels.", place=file.path.name,
    )  # fmt: skip


def _split(key: str, names: dict[str, Part]) -> tuple[str, int]:
    if key in names:
        return key, 0
    name, _, frame = key.rpartition("#")
    return (name, int(frame) - 1) if frame.isdigit() else (key, 0)


def read_file(part: Part, frame: int, out: Path, told: Told = lambda done, of: None) -> VolumeFile:
    """A frame of a NIfTI, NRRD, MetaImage or picture as a .npy at `out`; see `read`."""
    values, geometry, notes = None, Geometry(), tuple[str, ...]()
    if kind_of_file(part.path) == "nifti":
        opened = nifti.open_image(part.path)
        _check_frame(frame, opened.frames, part.path)
        voxels = int(np.prod(opened.shape, dtype=object))
        check_room(voxels * (9 if opened.is_sheared else 4), part.path, out.parent)
        geometry, notes = opened.geometry, opened.notes
        if not opened.is_sheared:
            with ArrayWriter(out, (opened.shape[2], opened.shape[1], opened.shape[0])) as writer:
                for z, plane in enumerate(nifti.planes(opened, frame)):
                    writer.put(z, plane)
                    told(z + 1, opened.shape[2])
        else:
            values = np.stack(list(nifti.planes(opened, frame)))
    else:
        header = images.look(part.path)
        _check_frame(frame, header.frames, part.path)
        geometry, notes = header.geometry, header.notes
        values = images.read_frame(header, frame)
    if values is not None:
        values, geometry, more = straightened(values, geometry)
        writer, notes = write_array(out, values), notes + more
    modality: Kind | str = "MR" if part.part or _is_brats(part.path) else ""
    meta = VolumeMeta(geometry=squared(geometry), modality="MR" if modality == "MR" else "", title=part.path.name)
    return VolumeFile(str(out), meta, notes + tuple(dicom.told(writer)))


def _is_brats(path: Path) -> bool:
    siblings = [one for one in path.parent.iterdir() if one.is_file()] if path.parent.is_dir() else []
    return any(one.path == path and one.part not in ("", "Labels") for one in parts_of(siblings[:200]))


def _check_frame(frame: int, frames: int, path: Path) -> None:
    if not 0 <= frame < frames:
        raise InputError(
            "There is no such frame in this file.", expected=f"a number from 1 to {frames}", received=str(frame + 1),
            fix="Look at the list again.", field="key", place=path.name,
        )  # fmt: skip


def straightened(
    values: np.ndarray, geometry: Geometry, *, nearest: bool = False
) -> tuple[np.ndarray, Geometry, tuple[str, ...]]:
    """A (z, y, x) array with sheared axes on an upright grid, and a note; others come back as they are."""
    if not is_sheared(geometry):
        return values, geometry, ()
    grid, shape = upright(geometry, values.shape)
    fill = 0 if nearest else float(values.min())
    return (
        resample(values, geometry, grid, shape, nearest=nearest, fill=fill),
        grid,
        ("its axes are not at right angles: resampled to an upright grid",),
    )


def dicom_sources(path: Path, key: str) -> Stack:
    """The DICOM slices behind a series, for what is exported over them.

    Raises InputError when the series is not DICOM or is not there any more.
    """
    place = _look(path)
    stacks = dicom.scan(place.dicoms).stacks
    for stack in stacks:
        if stack.key == key or (not key and len(stacks) == 1):
            return stack
    raise InputError(
        "This export needs the DICOM series that the labels were drawn on.",
        expected="a DICOM series",
        received="no DICOM file" if not place.dicoms else f"no series {key!r} among {len(stacks)}",
        fix="Export as NIfTI, NRRD or MHA instead.",
        field="source",
        place=path.name,
    )


def each_dicom(path: Path) -> Iterator[Path]:
    """Every DICOM file of a dropped file or folder."""
    yield from _look(path).dicoms
