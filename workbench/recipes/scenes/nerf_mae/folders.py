"""Own grids: NeRF-MAE's and NeRF-RPN's folders, or a CSV that lists scenes."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.core.scenes import RadianceMeta
from workbench.engine.scenes.gridfiles import read_boxes, read_grid

from .data import Floats, Grid
from .recipe import SUPER, NerfMae, tasks_of

SPLITS = {"train": "train_scenes", "validation": "val_scenes", "test": "test_scenes"}
LABEL_FOLDERS = ("labels", "semantics", "sem")
KEPT_BYTES = 2 << 30
"""Grids of one part stay in memory up to this size; beyond it files are read anew."""


@dataclasses.dataclass(frozen=True)
class Listed:
    """A scene's files; `part` is that of the split file, empty where none tells."""

    name: str
    grid: Path
    aligned: Path | None = None
    turned: Path | None = None
    labels: Path | None = None
    part: str = ""


class Read(Sequence[Grid]):
    """Grids of files, kept in memory as far as there is room."""

    def __init__(self, scenes: Sequence[Listed], params: NerfMae, *, labelled: bool) -> None:
        self.scenes, self.params, self.labelled = scenes, params, labelled
        self._kept: dict[int, Grid] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        at = range(len(self))[at]
        if at not in self._kept:
            found = opened(self.scenes[at], self.params, labelled=self.labelled)
            if self._bytes + found.rgba.nbytes > KEPT_BYTES:
                return found
            self._bytes += found.rgba.nbytes
            self._kept[at] = found
        return self._kept[at]

    def __iter__(self) -> Iterator[Grid]:
        return (self[at] for at in range(len(self)))


def opened(scene: Listed, params: NerfMae, *, labelled: bool) -> Grid:
    """A scene's grid with the boxes and labels that it has; raises InputError for what does not fit."""
    density = "" if params.density == "as the files say" else params.density
    rgba, meta = read_grid(scene.grid, density)
    sides = rgba.shape[:3]
    finer: Floats | None = None
    if labelled and SUPER in tasks_of(params):
        finer = rgba
        rgba = coarser(rgba, params.upscale, scene.grid)
        sides = rgba.shape[:3]
    check_size(sides, params.side, scene.grid)
    meta = RadianceMeta(meta.low, meta.high, "alpha", scene.name)
    if not labelled:
        return Grid(scene.name, rgba, meta)
    file = scene.turned if params.boxes == "turned" and scene.turned else scene.aligned or scene.turned
    boxes = None if file is None else read_boxes(file, rgba.shape[:3] if finer is None else finer.shape[:3])
    labels = None
    if scene.labels is not None:
        labels = _labels(scene.labels, sides if finer is None else finer.shape[:3])
        labels = labels if finer is None else coarser_labels(labels, params.upscale)
    if finer is not None and boxes is not None:
        boxes = (boxes / np.array([params.upscale] * 6 + [1])).astype(np.float32)
    return Grid(scene.name, rgba, meta, labels, boxes, finer)


def check_size(sides: tuple[int, ...], side: int, path: Path) -> None:
    """Raise InputError where a grid does not fit into the cube."""
    if max(sides) > side:
        raise InputError(
            "A grid is larger than the cube that the network sees.", expected=f"at most {side} voxels along each side",
            received=" × ".join(map(str, sides)), fix=f"Set the edge to {-(-max(sides) // 16) * 16} or more.",
            field="side", place=str(path),
        )  # fmt: skip


def coarser(rgba: Floats, times: int, path: Path) -> Floats:
    """A grid at 1 / `times` of its resolution: mean alpha, and colour weighted by it."""
    sides = tuple(size // times for size in rgba.shape[:3])
    if any(size % times for size in rgba.shape[:3]):
        raise InputError("A grid cannot be made coarser evenly.", expected=f"sides that are multiples of {times}",
                         received=" × ".join(map(str, rgba.shape[:3])), fix="Choose another factor.", field="upscale",
                         place=str(path))  # fmt: skip
    split = rgba.reshape(sides[0], times, sides[1], times, sides[2], times, 4)
    alpha = split[..., 3:].mean((1, 3, 5))
    colour = (split[..., :3] * split[..., 3:]).mean((1, 3, 5)) / np.maximum(alpha, 1e-6)
    found: Floats = np.concatenate([np.where(alpha > 0, colour, 0), alpha], -1).astype(np.float32)
    return found


def coarser_labels(labels: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    """Labels at 1 / `times` of their resolution: the class that most of a block has, empty where less than half is
    any."""
    x, y, z = (size // times for size in labels.shape)
    cells = labels.reshape(x, times, y, times, z, times).transpose(0, 2, 4, 1, 3, 5).reshape(x, y, z, -1)
    counts = np.stack([(cells == at).sum(-1) for at in range(1, max(int(labels.max()), 1) + 1)], -1)
    return np.where(2 * (cells > 0).sum(-1) >= cells.shape[-1], counts.argmax(-1) + 1, 0).astype(np.uint8)


def _labels(path: Path, sides: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _refused("Labels cannot be read.", "an .npy array", str(error)[:200], path) from None
    if found.shape != sides or found.dtype.kind not in "iu" or found.min() < 0 or found.max() > 254:
        raise _refused("Labels do not fit their grid.", f"whole numbers from 0 to 254, {sides}",
                       f"{found.dtype} {found.shape}", path)  # fmt: skip
    labels: NDArray[np.uint8] = found.astype(np.uint8)
    return labels


def _refused(what: str, expected: str, received: str, path: Path, field: str = "scenes") -> InputError:
    return InputError(what, expected=expected, received=received, field=field, place=str(path),
                      fix="Choose a folder as NeRF-MAE or NeRF-RPN has it.")  # fmt: skip


# Lists of scenes --------------------------------------------------------------------------------


def scenes_of(address: str, field: str) -> list[Listed]:
    """The scenes of a folder or of a CSV, in the order of their names; raises InputError where there are none."""
    path = Path(address).expanduser()
    if path.suffix == ".csv" and path.is_file():
        found = _of_csv(path)
    elif path.suffix == ".npz" and path.is_file():
        found = [Listed(path.stem, path)]
    elif path.is_dir():
        found = _of_folder(path)
    else:
        raise _refused("There are no grids.", "a folder with .npz grids, one .npz, or a CSV", address or "nothing",
                       path, field)  # fmt: skip
    if not found:
        raise _refused("There is no grid in this folder.", "features/*.npz, or .npz files", "none", path, field)
    return found


def _of_folder(path: Path) -> list[Listed]:
    features = path / "features" if (path / "features").is_dir() else path
    parts, splits = _split(path), {file.resolve() for file in _split_files(path)}
    found = []
    for file in sorted(features.glob("*.npz")):
        name = file.stem
        if file.resolve() in splits or (parts and name not in parts):
            continue
        labels = next(
            (path / one / f"{name}.npy" for one in LABEL_FOLDERS if (path / one / f"{name}.npy").is_file()), None
        )
        aligned, turned = (_if_there(path / kind / f"{name}.npy") for kind in ("aabb", "obb"))
        found.append(Listed(name, file, aligned, turned, labels, parts.get(name, "")))
    return found


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _split_files(path: Path) -> list[Path]:
    return sorted([*path.glob("*split*.npz"), *path.parent.glob(f"{path.name}*split*.npz")])


def _split(path: Path) -> dict[str, str]:
    """The part of every scene that the folder's split file names."""
    files = _split_files(path)
    if not files:
        return {}
    try:
        with np.load(files[0], allow_pickle=False) as told:
            return {str(name): part for part, key in SPLITS.items() if key in told.files for name in told[key]}
    except (OSError, ValueError, EOFError) as error:
        raise _refused(
            "The split file cannot be read.", ", ".join(SPLITS.values()), str(error)[:200], files[0]
        ) from None


def _of_csv(path: Path) -> list[Listed]:
    """Rows with scene, rgbsigma_path and, where known, boxes_path, labels_path and split; relative to the CSV."""
    found = []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not {"scene", "rgbsigma_path"} <= set(reader.fieldnames or ()):
            raise _refused("This list does not name grids.", "columns scene and rgbsigma_path",
                           ", ".join(reader.fieldnames or ()) or "no columns", path)  # fmt: skip
        for row in reader:
            files = {name: (path.parent / row[name]) if (row.get(name) or "None") != "None" else None
                     for name in ("rgbsigma_path", "boxes_path", "labels_path")}  # fmt: skip
            grid = files["rgbsigma_path"]
            missing = [one for one in files.values() if one is not None and not one.is_file()]
            if grid is None or missing:
                raise _refused(
                    "A file of the list is missing.", "existing files", str(missing[0] if missing else "no grid"), path
                )
            part = {"val": "validation"}.get(row.get("split") or "", row.get("split") or "")
            found.append(
                Listed(row["scene"], grid, files["boxes_path"], files["boxes_path"], files["labels_path"], part)
            )
    return sorted(found, key=lambda one: one.name)


# The parts of a run -----------------------------------------------------------------------------


def labelled_grids(job: Job, address: str, params: NerfMae) -> tuple[list[Read], tuple[str, ...]]:
    """Grids to learn from, to choose by and to test on, and the labels' names.

    The split file's parts are taken; without one, scenes are divided by the run's seed. Raises InputError where there
    are too few.
    """
    scenes = scenes_of(address, "scenes")
    parts = {name: [one for one in scenes if one.part == name] for name in SPLITS}
    if not any(parts.values()):
        order = np.random.default_rng((job.seed, 9)).permutation(len(scenes))
        wanted = [params.shots, params.validation, params.test]
        ends = np.cumsum(wanted)
        shuffled = [scenes[at] for at in order]
        if len(scenes) < 3 or len(scenes) < params.shots + 2:
            raise _refused("There are too few labelled grids.", f"{params.shots} to learn from, and some to choose "
                           "by and to test on", str(len(scenes)), Path(address))  # fmt: skip
        left = max(len(scenes) - params.shots, 2)
        if left < params.validation + params.test:  # what there is, in the wanted proportion
            ends = np.array([params.shots, params.shots + max(1, round(left * wanted[1] / (wanted[1] + wanted[2])))])
            ends = np.append(np.minimum(ends, len(scenes) - 1), len(scenes))
        parts = dict(zip(SPLITS, (shuffled[: ends[0]], shuffled[ends[0] : ends[1]], shuffled[ends[1] : ends[2]]),
                         strict=True))  # fmt: skip
    lacking = [name for name, one in parts.items() if not one]
    if lacking or len(parts["train"]) < params.shots:
        raise _refused("There are too few labelled grids.", f"{params.shots} to learn from, and some in each part",
                       ", ".join(f"{len(one)} {name}" for name, one in parts.items()), Path(address))  # fmt: skip
    order = np.random.default_rng((job.seed, 10)).permutation(len(parts["train"]))[: params.shots]
    chosen = [[parts["train"][at] for at in order], parts["validation"][: params.validation],
              parts["test"][: params.test]]  # fmt: skip
    read = []
    for part in chosen:
        grids = Read(part, params, labelled=True)
        _check_all(job, grids)
        read.append(grids)
    most = max((int(one.labels.max()) for part in read for one in part if one.labels is not None), default=0)
    return read, ("empty", *(f"class {at}" for at in range(1, most + 1)))


def _check_all(job: Job, grids: Read) -> None:
    """Open every grid once, so that what is wrong is told before anything is trained."""
    for at in range(len(grids)):
        grids[at]
        job.progress(at + 1, len(grids))


def unlabelled_grids(job: Job, address: str, params: NerfMae, *, without: set[str]) -> Read:
    """Grids to pretrain on: all that are sound, of the split file's training part where there is one.

    Those that cannot be read are left out and told; raises the last one's InputError where none can.
    """
    scenes = [one for one in scenes_of(address, "grids") if one.part in ("", "train") and one.name not in without]
    kept, trouble = [], []
    for at, scene in enumerate(scenes):
        try:
            opened(scene, params, labelled=False)
            kept.append(scene)
        except InputError as error:
            trouble.append(error)
        job.progress(at + 1, len(scenes))
    if trouble:
        job.log(
            f"{len(trouble)} of {len(scenes)} grids are left out, such as: {trouble[-1].record().text()}", "warning"
        )
    if not kept:
        if trouble:
            raise trouble[-1]
        raise _refused("No grid is left to pretrain on.", "grids that are not among the labelled ones", "none",
                       Path(address), "grids")  # fmt: skip
    return Read(kept, params, labelled=False)


def preview_grids(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """The first scenes of a folder: voxels, filled share, boxes."""
    scenes = scenes_of(address, slot)
    density = str(values.get("density", ""))
    rows, problems = [], 0
    for scene in scenes[:8]:
        try:
            rgba, _ = read_grid(scene.grid, "" if density.startswith("as the") else density)
            count = "" if scene.aligned is None else str(len(read_boxes(scene.aligned, rgba.shape[:3])))
            rows.append(
                [scene.name, " × ".join(map(str, rgba.shape[:3])), f"{(rgba[..., 3] > 0.01).mean():.0%}", count]
            )
        except InputError as error:
            problems += 1
            rows.append([scene.name, error.what, "", ""])
    told = ", ".join(f"{sum(one.part == part for one in scenes)} {part}" for part in SPLITS)
    return DataPreview("Grids", told if any(one.part for one in scenes) else f"{len(scenes)} grids",
                       ["grid", "voxels", "filled", "boxes"], rows, row_count=len(scenes),
                       problem_count=problems)  # fmt: skip
