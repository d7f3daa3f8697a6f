"""What a run shows and leaves: held-out views, the grid, the surface, cameras."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from workbench.core.fields import FieldFrame, FieldLook
from workbench.core.job import Job
from workbench.core.kinds import Cameras, Frame, ImageGrid, Mesh, Outcomes, Points, RadianceGrid
from workbench.core.scenes import CamerasDoc, Viewpoint
from workbench.core.volumes import Triple
from workbench.engine.scenes import fieldexport, gridfiles
from workbench.engine.scenes.fieldlive import backdrop_of, progressive, shaded_depth
from workbench.engine.scenes.fieldrendering import normals
from workbench.engine.scenes.fieldtraining import Learner, Seen
from workbench.engine.scenes.fieldviews import Photograph, Photographs, shifted
from workbench.engine.scenes.keeping import triple

from .recipe import RadianceField

SURFACE = 0.5
GAP = 2
LEAST_SIDE = 128
VIEW_PX = 160


def held_out(job: Job, learner: Learner, found: list[Seen], title: str) -> None:
    """A photograph beside its view of the field: as it was, rendered, depth, normals."""
    photograph = (learner.taken.held_out or learner.taken.learned)[0]
    one = found[0]
    grid = np.concatenate(_with_gaps([one.truth, one.rgb, _depth(one), _normals(learner, photograph, one)]), 1)
    pixels = (grid.clip(0, 1) * 255).round().astype(np.uint8)
    times = max(1, -(-LEAST_SIDE // pixels.shape[0]))  # small ones stay sharp when they are enlarged
    pixels = pixels.repeat(times, 0).repeat(times, 1)
    told = f"{title}: photograph, rendered ({one.psnr:.1f} dB), depth, normals"
    job.artifact("held_out", ImageGrid, lambda path: Image.fromarray(pixels).save(path), title=told)


def _with_gaps(parts: list[NDArray[Any]]) -> list[NDArray[Any]]:
    gap = np.zeros((len(parts[0]), GAP, 3), np.float32)
    return [one for part in parts for one in (part, gap)][:-1]


def _depth(one: Seen) -> NDArray[Any]:
    shades = shaded_depth(torch.from_numpy(one.depth)).numpy()
    return np.repeat(shades[..., None], 3, 2)


def _normals(learner: Learner, photograph: Photograph, one: Seen) -> NDArray[Any]:
    rays = photograph.rays
    distance = torch.from_numpy(one.depth).flatten() / rays.forward
    found = normals(learner.shown, rays, distance)
    shown = (found * 0.5 + 0.5) * torch.isfinite(distance)[:, None]
    return shown.view(*one.depth.shape, 3).numpy()


def first_view(learner: Learner) -> FieldLook:
    """What the first held-out photograph looked at, twice as large where that is small."""
    one = (learner.taken.held_out or learner.taken.learned)[0]
    pose = shifted(one.pose, learner.taken.origin)
    ahead = [-pose[axis * 4 + 2] for axis in range(3)]
    reach = max(b - a for a, b in zip(learner.taken.low, learner.taken.high, strict=True)) / 2
    about = tuple(pose[axis * 4 + 3] + reach * ahead[axis] for axis in range(3))
    view = Viewpoint(pose, (about[0], about[1], about[2]), one.lens.height_deg)
    scale = min(2.0, VIEW_PX / max(one.lens.width, one.lens.height))
    return FieldLook(view, round(scale * one.lens.width), round(scale * one.lens.height))


def frame(job: Job, learner: Learner, look: FieldLook) -> None:
    """A view of the field, as the live one."""
    made = [one for one in progressive(learner.shown, look, learner.learning.samples, occupancy=learner.empty) if one]
    meta = msgspec.to_builtins(FieldFrame(look, 1, behind=backdrop_of(learner)))
    job.artifact("view", Frame, lambda path: Image.fromarray(made[-1].rgba).save(path),
                 parts={"depth": made[-1].depth}, meta=meta)  # fmt: skip


def box_of(taken: Photographs) -> tuple[Triple, Triple]:
    """The field's box in the photographs' own coordinates."""
    return triple(np.add(taken.low, taken.origin)), triple(np.add(taken.high, taken.origin))


def take_away(job: Job, learner: Learner, params: RadianceField, doc: CamerasDoc) -> None:
    """The grid, also as npz, the surface as mesh and points, the cameras."""
    job.phase("taking the grid out")
    field = learner.shown
    poses = [one.pose for one in learner.taken.learned]
    grid, meta = fieldexport.extract(field, poses, params.longest, told=job.progress)
    low, high = box_of(learner.taken)
    placed = msgspec.structs.replace(meta, low=low, high=high, title=f"{params.field} field")
    job.artifact("grid", RadianceGrid, grid, meta=msgspec.to_builtins(placed))
    gridfiles.write_grid(job.model_folder() / "grid.npz", grid, placed)
    opacity = fieldexport.opacity(grid, meta)
    level = SURFACE
    if opacity.max() <= SURFACE:
        level = float(opacity.max() + opacity.min()) / 2
        job.log(f"No voxel is half opaque: the surface is taken at an opacity of {level:.3f}.", "warning")
    origin = learner.taken.origin
    vertices, faces, colours = fieldexport.surface(grid, meta, level=level)
    job.artifact("mesh", Mesh, lambda path: fieldexport.write_ply(path, vertices, colours, faces, origin=origin),
                 title="Surface")  # fmt: skip
    points, shades = fieldexport.scattered(grid, meta, params.point_count, job.seed, level=level)
    job.artifact("points", Points, lambda path: fieldexport.write_ply(path, points, shades, origin=origin),
                 title="On the surface")  # fmt: skip
    boxed = msgspec.structs.replace(doc, low=low, high=high, loose=False)
    job.artifact("cameras", Cameras, boxed)
    frame(job, learner, first_view(learner))


def outcomes(job: Job, psnr: NDArray[Any]) -> None:
    """For claims: the PSNR of each held-out photograph."""
    job.artifact("outcomes", Outcomes, psnr.astype(np.float32)[:, None], meta={"columns": ["psnr"], "measure": "mean"})
