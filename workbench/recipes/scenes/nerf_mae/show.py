"""What a run shows: restored grids, boxes and classes found, finer grids, and the numbers of the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.colours import class_rgb
from workbench.core.documents import Column, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Boxes, ImageGrid, Outcomes, RadianceGrid, Table
from workbench.core.scenes import Box, BoxesDoc, RadianceMeta
from workbench.engine.scenes.boxes import Scene
from workbench.engine.scenes.boxrows import from_voxels

from . import above
from .data import Grid
from .tasks import SURE, Finding, Naming, Overlaps, Refining, psnr

SHOWN_GRIDS = 3
MOST_NAMED = 20
FAINT = 0.15
TRUE, FOUND = "true", "found"
OVERLAPS = (0.25, 0.5)


def restoration(job: Job, grid: Grid, masked: Tensor, restored: Tensor) -> None:
    """A grid, what was left of it, and what the network made of that, (4, S, S, S), in one frame."""
    x, y, z = grid.rgba.shape[:3]
    left, made = (one[:, :x, :y, :z].permute(1, 2, 3, 0).float().cpu().numpy() for one in (masked, restored))
    for slot, title, array in (
        ("original", "Held-out grid", grid.rgba), ("masked", "What is left", left), ("restored", "Restored", made)
    ):  # fmt: skip
        job.artifact(slot, RadianceGrid, np.ascontiguousarray(array), title=title, meta=meta_of(grid, title))


def restorations(job: Job, rows: Sequence[tuple[Grid, Tensor, Tensor]]) -> None:
    """Grids, what was left of them and what the network made of that, side by side from above."""
    columns: list[tuple[str, list[Any]]] = [("held-out grid", []), ("what is left", []), ("restored", [])]
    for grid, *made in rows:
        columns[0][1].append(above.tile(grid.rgba))
        for (_, tiles), one in zip(columns[1:], made, strict=True):
            x, y, z = grid.rgba.shape[:3]
            tiles.append(above.tile(one[:, :x, :y, :z].permute(1, 2, 3, 0).float().cpu().numpy()))
    job.artifact("pictures", ImageGrid, above.sheet(columns).save, title="Held-out grids from above")


def answers(job: Job, grids: Sequence[Grid], *, names: Sequence[str], labels: Sequence[NDArray[np.uint8]] = (),
            scenes: Sequence[Scene] = (), finer: Sequence[NDArray[np.float32]] = ()) -> None:  # fmt: skip
    """Test grids from above: with true and found boxes, in the colours of true and of said classes, and finer ones."""
    columns: list[tuple[str, list[Any]]] = [("test grid", [])]
    columns += [("classes", []), ("classes found", [])] if labels else []
    columns += [("finer, found", []), ("finer, true", [])] if finer else []
    keys = [("true boxes", above.TRUE_RGB), ("boxes found", above.FOUND_RGB)] if scenes else []
    if labels and len(names) <= MOST_NAMED:
        keys += [(name, above.rgb(colour_of(at))) for at, name in enumerate(names) if at]
    by_name = dict(columns)
    for at, grid in enumerate(grids[:SHOWN_GRIDS]):
        picture = above.tile(grid.rgba)
        if scenes:
            sure = scenes[at].scores > SURE
            most = max(len(scenes[at].truth), 1)
            for rows, colour in ((scenes[at].truth, above.TRUE_RGB), (scenes[at].found[sure][:most], above.FOUND_RGB)):
                above.boxed(picture, grid.rgba.shape, rows, colour)
        by_name["test grid"].append(picture)
        if labels and grid.labels is not None:
            by_name["classes"].append(above.tile(coloured(grid.labels, grid)))
            by_name["classes found"].append(above.tile(coloured(labels[at], grid)))
        if finer and grid.finer is not None:
            by_name["finer, found"].append(above.tile(finer[at]))
            by_name["finer, true"].append(above.tile(grid.finer))
    job.artifact("answers", ImageGrid, above.sheet(columns, keys=keys).save, title="Test grids from above")


def meta_of(grid: Grid, title: str) -> dict[str, Any]:
    """A grid's frame as an artifact's meta."""
    found: dict[str, Any] = msgspec.to_builtins(RadianceMeta(grid.meta.low, grid.meta.high, "alpha", title))
    return found


# The tests --------------------------------------------------------------------------------------


def named(job: Job, task: Naming, said: Sequence[NDArray[np.uint8]], grids: Sequence[Grid],
          names: Sequence[str]) -> None:  # fmt: skip
    """Results miou, macc and room_miou, a row for each class, and grids in the colours of their classes."""
    overlaps = task.overlaps(said, grids)
    by_grid = overlaps.by_grid()
    job.result("miou", float(np.nanmean(overlaps.iou())))
    job.result("macc", float(np.nanmean(overlaps.accuracy())))
    job.result("room_miou", float(by_grid.mean()))
    job.metric("mean_iou", float(by_grid.mean()), series="test")
    job.artifact("outcomes", Outcomes, by_grid.astype(np.float32)[:, None],
                 meta={"columns": ["mean IoU of the grid"], "measure": "mean"})  # fmt: skip
    per_class(job, overlaps, names)
    for guess, one in list(zip(said, grids, strict=True))[:SHOWN_GRIDS]:
        title = f"{one.name}: classes"
        job.artifact(
            "named", RadianceGrid, unhidden(coloured(guess, one), guess), title=title,
            parts={"labels": np.asarray(guess, np.uint8)}, meta=meta_of(one, title) | {"names": list(names)},
        )  # fmt: skip


def per_class(job: Job, overlaps: Overlaps, names: Sequence[str]) -> None:
    """IoU and accuracy of every class."""
    columns = [Column("class", "text"), Column("IoU", best="high"), Column("accuracy", best="high"),
               Column("voxels", digits=0)]  # fmt: skip
    truth = overlaps.counts.sum((0, 2))
    rows: list[list[Any]] = []
    for at, (iou, accuracy) in enumerate(zip(overlaps.iou(), overlaps.accuracy(), strict=True), start=1):
        rows.append([names[at], *(None if np.isnan(one) else round(float(one), 4) for one in (iou, accuracy)),
                     int(truth[at])])  # fmt: skip
    caption = "Test grids together; voxels in which something is, or was seen. Empty space has no row."
    job.artifact("per_class", Table, TableDoc(columns, rows, caption), title="Classes on the test grids")


def coloured(labels: NDArray[np.uint8], grid: Grid) -> NDArray[np.float32]:
    """A grid (X, Y, Z, 4) in which each voxel has its class's colour, and the opacity that it had; class 0 is clear."""
    palette = np.array([colour_of(at) for at in range(int(labels.max()) + 1)])
    alpha = np.where(labels > 0, grid.rgba[..., 3], 0)
    return np.concatenate([palette[labels], alpha[..., None]], -1).astype(np.float32)


def unhidden(shown: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The same grid with its most frequent class faint: seen from outside, a room's walls would hide all else."""
    counts = np.bincount(labels[labels > 0], minlength=2)
    found = shown.copy()
    found[labels == counts.argmax(), 3] *= FAINT
    return found


def colour_of(label: int) -> tuple[float, float, float]:
    """A class's colour as a scene shows it, in shares of full light."""
    red, green, blue = class_rgb(label)
    return red / 255, green / 255, blue / 255


def found(job: Job, task: Finding, scenes: Sequence[Scene], grids: Sequence[Grid]) -> None:
    """Results ap25, ap50, recall25, recall50 and room_ap25, a table, and boxes over their grids."""
    rows: list[list[Any]] = []
    for least in OVERLAPS:
        number, precision = round(100 * least), task.precision(scenes, least)
        job.result(f"ap{number}", precision.average)
        job.result(f"recall{number}", precision.recall)
        rows.append([f"{least:g}", round(precision.average, 4), round(precision.recall, 4)])
    by_grid = task.by_grid(scenes)
    job.result("room_ap25", float(by_grid.mean()))
    job.metric("average_precision", float(by_grid.mean()), series="test")
    job.artifact("outcomes_boxes", Outcomes, by_grid.astype(np.float32)[:, None],
                 meta={"columns": ["AP25 of the grid"], "measure": "mean"})  # fmt: skip
    columns = [Column("least IoU", "text"), Column("average precision", best="high"), Column("recall", best="high")]
    true = sum(len(one.truth) for one in scenes)
    caption = (
        f"{true} {task.params.boxes} boxes in {len(scenes)} test grids; at most {task.params.proposals} found in each."
    )
    job.artifact("per_overlap", Table, TableDoc(columns, rows, caption), title="Boxes on the test grids")
    for scene, one in list(zip(scenes, grids, strict=True))[:SHOWN_GRIDS]:
        faint = one.rgba * np.array([1, 1, 1, FAINT], np.float32)  # boxes stand behind walls
        job.artifact("found", Boxes, boxes_doc(scene, one), title=one.name, parts={"grid": faint},
                     meta=meta_of(one, one.name))  # fmt: skip


def boxes_doc(scene: Scene, grid: Grid) -> BoxesDoc:
    """True boxes, and found ones with a score worth showing, in the grid's frame; no more found ones than twice the
    true ones, so that they can be told apart."""
    sides = grid.rgba.shape[:3]
    sure = scene.scores > SURE
    most = 2 * len(scene.truth) if len(scene.truth) else len(scene.scores)
    said = from_voxels(scene.found[sure][:most], grid.meta, sides)
    true = from_voxels(scene.truth, grid.meta, sides)
    return BoxesDoc((*boxes_of(true, TRUE), *boxes_of(said, FOUND, scene.scores[sure][:most])), (TRUE, FOUND))


def boxes_of(rows: NDArray[np.float64], label: str, scores: NDArray[np.float32] | None = None) -> list[Box]:
    """Rows (N, 7) as boxes."""
    return [
        Box(tuple(row[:3]), tuple(row[3:6]), row[6], label, None if scores is None else round(float(scores[at]), 4))
        for at, row in enumerate(rows.astype(float).round(4).tolist())
    ]


def refined(job: Job, task: Refining, said: Sequence[NDArray[np.float32]], grids: Sequence[Grid]) -> None:
    """Results psnr_db, mse and opacity_psnr_db, the same of interpolation alone, a table of both, some finer grids."""
    columns = [Column("finer grid", "text"), Column("PSNR of colours", unit="dB", digits=2, best="high"),
               Column("PSNR of opacity", unit="dB", digits=2, best="high")]  # fmt: skip
    rows: list[list[Any]] = []
    for name, before, finest in (("interpolated", "interpolated_", task.plain(grids)), ("learned", "", said)):
        colour, opacity = task.errors(finest, grids), task.opacity_errors(finest, grids)
        job.result(f"{before}psnr_db", psnr(colour))
        job.result(f"{before}mse", float(colour.mean()))
        job.result(f"{before}opacity_psnr_db", psnr(opacity))
        rows.append([name, round(psnr(colour), 2), round(psnr(opacity), 2)])
        job.metric("psnr", task.value(finest, grids), series="test, interpolated" if before else "test")
    caption = (f"{len(grids)} test grids; colours where the finer grid has something, opacity everywhere. "
               "Interpolation learns nothing.")  # fmt: skip
    job.artifact(
        "against_interpolation", Table, TableDoc(columns, rows, caption), title="Finer grids against interpolation"
    )
    for finer, one in list(zip(said, grids, strict=True))[:SHOWN_GRIDS]:
        title = f"{one.name}: {task.params.upscale} times finer"
        job.artifact("finer", RadianceGrid, finer, title=title, meta=meta_of(one, title))
