"""The user's cases: BraTS, TCGA-LGG, Decathlon and nnU-Net trees as subjects on squares of the chosen size.

Each case is prepared once and kept in the cache: cut to the body, brought to `size` pixels, every
channel standardised, half precision, memory-mapped while training.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import tifffile
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.volumes import Geometry, Label, Triple, VolumeFile, VolumeMeta
from workbench.engine.medical import images, labels, segmentation, volumes
from workbench.engine.medical.arrays import damaged
from workbench.engine.medical.cases import parts_of
from workbench.engine.medical.datasets import DataCase, DataTree, read_tree
from workbench.engine.medical.geometry import affine_of, is_same_grid, resample
from workbench.engine.medical.phantoms.head import CORE, LABELS, OEDEMA, RING
from workbench.engine.text import cache

from .data import Cohort, Subject

Floats = NDArray[np.float32]
PARTS = (0.7, 0.1)
"""Shares of the patients to learn from and to validate; the rest is the test."""
EDITION = 1


def cohort(
    address: str, *, size: int, scheme: str, seed: int, told: Callable[[int, int], object] = lambda done, of: None
) -> Cohort:
    """The labelled cases of a data set, split by patient.

    Raises InputError, on field `data`, for unknown layouts, fewer than three patients, cases of unlike
    sequences, and labels that do not make the regions.
    """
    tree = read_tree(Path(address).expanduser())
    cases = [one for one in tree.cases if one.label or one.slices]
    channels = _channels(tree, cases)
    meaning = _meaning(tree, scheme)
    patients = sorted({one.patient for one in cases})
    if len(patients) < 3:
        raise InputError(
            "There are too few patients.", expected="labelled cases of three patients at least",
            received=str(len(patients)), fix="Choose a larger data set.", field="data", place=tree.path,
        )  # fmt: skip
    part_of = split(patients, seed, tree.seen)
    parts: dict[str, list[Subject]] = {"train": [], "validation": [], "test": []}
    for at, case in enumerate(cases):
        parts[part_of[case.patient]].append(prepared(case, channels, size=size, meaning=meaning))
        told(at + 1, len(cases))
    flair = next((n for n, name in enumerate(channels) if "FLAIR" in name.upper()), 0)
    detail = f"{tree.layout}: {len(cases)} cases of {len(patients)} patients, sequences {', '.join(channels)}"
    notes = "".join(f"; {note}" for note in tree.notes)
    names = LABELS if scheme == "nested" else (Label(CORE, "Tumour"),)
    shown = {part: [_showing(one, flair) for one in ones] for part, ones in parts.items()}
    return Cohort(shown["train"], shown["validation"], shown["test"], channels, detail + notes, names, channels[flair])


def _showing(one: Subject, channel: int) -> Subject:
    return Subject(one.name, one.image, one.labels, one.meta, one.image[channel], one.detail)


def split(patients: Sequence[str], seed: int, seen: Sequence[str] = ()) -> dict[str, str]:
    """Each patient's part; a patient's cases stay together, no part is empty.

    Patients that an earlier training has `seen` are only learnt from. Raises InputError where that leaves nobody
    to validate and to test.
    """
    fresh = [one for one in patients if one not in set(seen)]
    validation = max(1, round(PARTS[1] * len(patients)))
    train = min(max(1, round(PARTS[0] * len(patients))), len(patients) - validation - 1)
    if len(fresh) < min(len(patients), validation + 1):
        raise InputError(
            "The model was trained on these patients already, so there is nobody left to test it on.",
            expected=f"{validation + 1} patients that it has not seen", received=str(len(fresh)),
            fix="Review further cases first.", field="data",
        )  # fmt: skip
    order = np.random.default_rng((seed, len(patients))).permutation(len(fresh))
    names = ["train"] * max(0, train - len(patients) + len(fresh)) + ["validation"] * validation
    names += ["test"] * (len(fresh) - len(names))
    return dict.fromkeys(patients, "train") | {fresh[at]: part for at, part in zip(order, names, strict=True)}


def _channels(tree: DataTree, cases: Sequence[DataCase]) -> tuple[str, ...]:
    if tree.layout == "TCGA-LGG":
        return ("pre-contrast", "FLAIR", "post-contrast")
    if not cases:
        raise InputError(
            "There are no labelled cases.", expected="images with their labels", received="none",
            fix="Choose the folder of the training cases.", field="data", place=tree.path,
        )  # fmt: skip
    channels = tuple(cases[0].images)
    unlike = next((one.id for one in cases if tuple(one.images) != channels), "")
    if unlike:
        raise InputError(
            "The cases have unlike sequences.", expected=", ".join(channels), received=f"others in {unlike}",
            fix="Leave that case out, or add what it lacks.", field="data", place=unlike,
        )  # fmt: skip
    return channels


def _meaning(tree: DataTree, scheme: str) -> dict[int, int]:
    """What each value of the files becomes: CORE, OEDEMA or RING; everything is CORE for the whole tumour."""
    if scheme != "nested":
        return {one.value: CORE for one in tree.labels}
    found = {one.value: kind for one in tree.labels if (kind := _kind(one.name))}
    if {CORE, OEDEMA, RING} <= set(found.values()):
        return found
    raise InputError(
        "These labels do not tell core, oedema and enhancing part.",
        expected="labels named so (BraTS)", received=", ".join(f"{one.value} {one.name}" for one in tree.labels),
        fix="Set the regions to 'whole tumour'.", field="scheme", place=tree.path,
    )  # fmt: skip


def _kind(name: str) -> int:
    if re.search(r"o?edema", name, re.IGNORECASE):
        return OEDEMA
    if re.search(r"non.?enh|necro|core", name, re.IGNORECASE):
        return CORE
    return RING if re.search(r"enh", name, re.IGNORECASE) else 0


def prepared(case: DataCase, channels: Sequence[str], *, size: int, meaning: dict[int, int]) -> Subject:
    """A case on its square grid, from the cache where its files are unchanged."""
    files = [name.split("#")[0] for name in (*case.images.values(), case.label, *np.ravel(case.slices)) if name]
    stamps = [(name, Path(name).stat().st_mtime_ns) for name in files]
    stem = f"{case.id[:60]}-{cache.digest(EDITION, size, sorted(meaning.items()), channels, *stamps)}"
    folder = cache.folder("cases")
    beside = folder / f"{stem}.json"
    if not beside.is_file():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            values, truth, geometry = _read(case, channels, meaning, Path(scratch))
            image, marks, placed = squared(values, truth, geometry, size)
        meta = VolumeMeta(placed, "MR", labels=LABELS, title=case.id)
        _keep(folder / f"{stem}-image.npy", np.clip(segmentation.standardise(image), -1e4, 1e4).astype(np.float16))
        _keep(folder / f"{stem}-labels.npy", marks)
        cache.keep(beside, lambda made: _encode(made, meta))
    image, marks = (np.load(folder / f"{stem}-{name}.npy", mmap_mode="r") for name in ("image", "labels"))
    meta = msgspec.json.decode(beside.read_bytes(), type=VolumeMeta)
    return Subject(case.id, image, marks, meta, image[0], f"patient {case.patient}")


def _encode(path: Path, meta: VolumeMeta) -> None:
    path.write_bytes(msgspec.json.encode(meta))


def _keep(path: Path, array: np.ndarray) -> None:
    def save(scratch: Path) -> None:
        with scratch.open("wb") as file:
            np.save(file, array, allow_pickle=False)

    cache.keep(path, save)


def _read(
    case: DataCase, channels: Sequence[str], meaning: dict[int, int], scratch: Path
) -> tuple[Floats, NDArray[np.uint8], Geometry]:
    """Channels (C, z, y, x), labels (z, y, x) and the grid of the first channel."""
    if case.slices:
        stack = np.stack([_colours(Path(image)) for image, _ in case.slices], axis=1)
        masks = [images.read_frame(images.look(Path(mask)))[0] for _, mask in case.slices]
        if any(one.shape != stack.shape[2:] for one in masks):
            raise InputError(
                "A mask has another size than its slice.", expected=f"{stack.shape[2:]} pixels",
                received=", ".join(sorted({str(one.shape) for one in masks})), fix="Unpack the archive again.",
                field="data", place=case.id,
            )  # fmt: skip
        # The pictures say nothing of their size; a millimetre is what their authors resampled to.
        return stack, (np.stack(masks) > 0).astype(np.uint8) * np.uint8(CORE), Geometry()
    found = [opened(case.images[name], scratch) for name in channels]
    values = together(found)
    marks = np.load(labels.read_labels(Path(case.label), found[0], scratch / "labels.npy").path)
    truth = np.zeros(marks.shape, np.uint8)
    for value, kind in meaning.items():
        truth[marks == value] = kind
    return values, truth, found[0].meta.geometry


def _colours(path: Path) -> Floats:
    """A slice's three sequences (3, y, x), stored as the colours of a picture."""
    header = images.look(path)
    try:
        array = np.asarray(tifffile.imread(path), np.float32)
    except Exception as error:  # decoders raise what they like
        raise damaged(path, "a picture", error) from None
    if header.components != 3 or array.ndim != 3 or array.shape[2] != 3:
        raise InputError(
            "This slice is not three sequences.", expected="a picture of three colours (pre-contrast, FLAIR, post)",
            received=f"{header.components} colours", fix="Unpack the archive again.", field="data", place=path.name,
        )  # fmt: skip
    return np.ascontiguousarray(array.transpose(2, 0, 1))


def opened(name: str, scratch: Path) -> VolumeFile:
    """A sequence's volume; 'path#2' is the second frame of a four-dimensional file."""
    path, _, frame = name.partition("#")
    key = Path(path).name + (f"#{frame}" if frame else "")
    return volumes.read(Path(path), key, scratch)


def together(files: Sequence[VolumeFile]) -> Floats:
    """Sequences (C, z, y, x) on the grid of the first one."""
    first = np.load(files[0].path)
    grid = files[0].meta.geometry
    found = [first.astype(np.float32)]
    for one in files[1:]:
        values = np.load(one.path).astype(np.float32)
        if not is_same_grid(one.meta.geometry, grid, first.shape) or values.shape != first.shape:
            values = resample(values, one.meta.geometry, grid, first.shape, nearest=False)
        found.append(values)
    return np.stack(found)


def squared(
    values: Floats, truth: NDArray[np.uint8], geometry: Geometry, size: int
) -> tuple[Floats, NDArray[np.uint8], Geometry]:
    """Cut to the body and brought to `size` × `size`; slices keep their distance."""
    grid, shape = square_grid(values, geometry, size)
    image = np.stack([resample(one, geometry, grid, shape, nearest=False) for one in values])
    return image, resample(truth, geometry, grid, shape, nearest=True), grid


def square_grid(values: Floats, geometry: Geometry, size: int) -> tuple[Geometry, tuple[int, int, int]]:
    """The grid whose slices are squares around the body of a volume (C, z, y, x), and its shape."""
    body = np.zeros(values.shape[1:], bool)
    for one in values:
        body |= one > 0.1 * np.percentile(one, 99)
    ends = [np.flatnonzero(body.any(tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    low = np.array([one[0] if one.size else 0 for one in ends])
    high = np.array([one[-1] if one.size else body.shape[axis] - 1 for axis, one in enumerate(ends)])
    x_mm, y_mm, z_mm = geometry.spacing_mm
    side = max((high[1] - low[1] + 1) * y_mm, (high[2] - low[2] + 1) * x_mm) * 1.04
    step = float(side / size)
    middle = (low + high) / 2
    corner = [middle[2] - (size - 1) / 2 * step / x_mm, middle[1] - (size - 1) / 2 * step / y_mm, low[0], 1.0]
    origin = (affine_of(geometry) @ corner)[:3]
    placed: Triple = (float(origin[0]), float(origin[1]), float(origin[2]))
    return Geometry((step, step, z_mm), placed, geometry.direction), (int(high[0] - low[0] + 1), size, size)


def read_case(path: Path, channels: Sequence[str]) -> tuple[Floats, VolumeMeta]:
    """The channels (C, z, y, x) of one case: a folder with a file per sequence, or one four-dimensional file.

    Raises InputError, on field `volume`, where a sequence is missing.
    """
    if path.is_dir():
        parts = {one.part.lower(): str(one.path) for one in parts_of(sorted(path.iterdir())) if one.part}
        names = [parts.get(name.lower(), "") for name in channels]
    else:
        frames = [f"{path}#{frame}" for frame in range(1, len(channels) + 1)]
        names = frames if len(channels) > 1 else [str(path)]
    missing = [channel for channel, name in zip(channels, names, strict=True) if not name]
    if missing:
        raise InputError(
            "This case lacks sequences that the model learned from.", expected=", ".join(channels),
            received=f"no file for {', '.join(missing)}", fix="Add them, named as in BraTS (…_flair.nii.gz).",
            field="volume", place=path.name,
        )  # fmt: skip
    with tempfile.TemporaryDirectory(dir=cache.folder("cases")) as scratch:
        found = [opened(name, Path(scratch)) for name in names]
        return together(found), msgspec.structs.replace(found[0].meta, modality="MR", title=path.name)
