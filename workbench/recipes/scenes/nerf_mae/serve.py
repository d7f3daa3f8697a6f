"""A trained model at work: boxes around things and classes of voxels in one grid."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.documents import Answer
from workbench.core.gridreading import GridReading
from workbench.core.problem import InputError
from workbench.core.scenes import BoxesDoc, RadianceMeta
from workbench.engine.warm import warm

from .recipe import BOXES, LABELS, ROOMS, NerfMae

ASKED_SEED = 99
"""The generated room that is asked about is of no run's parts."""


@dataclasses.dataclass
class Reader:
    """The tasks' networks with what they were made with."""

    models: dict[str, Any]
    params: NerfMae
    names: tuple[str, ...]
    place: Any


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> GridReading:
    """Read inputs['grid'] (or 'scenes', 'grids'): an .npz as NeRF-MAE has them, or the sample's address.

    inputs['density'] tells what its densities mean where the file does not; inputs['fit'] makes a grid that is larger
    than the model's cube as many times coarser as it needs. Raises InputError for what is no grid, for one larger than
    the cube without that, and where the model has learned neither boxes nor labels.
    """
    began = time.perf_counter()
    reader = warm(job, "nerf-mae", folder, lambda card: _load(folder, card, job))
    grid, notes = _grid(inputs, reader.params)
    from . import show
    from .data import SEEN_ALPHA

    boxes, labels, told = BoxesDoc(()), None, []
    for at, (name, (task, model)) in enumerate(reader.models.items()):
        job.progress(at, len(reader.models), name)
        ((said),) = task.asked(model, [grid], reader.place)
        if name == BOXES:
            boxes = show.boxes_doc(said, dataclasses.replace(grid, boxes=None))
            scores = [(f"box {number}", float(one.score or 0)) for number, one in enumerate(boxes.boxes, start=1)]
            told.append(Answer("Boxes", f"{len(scores)} boxes", scores, seconds=time.perf_counter() - began))
        elif name == LABELS:
            labels = np.where(grid.rgba[..., 3] > SEEN_ALPHA, said, 0).astype(np.uint8)
            shares = np.bincount(labels[labels > 0], minlength=len(reader.names)) / max(int((labels > 0).sum()), 1)
            ranked = sorted(((reader.names[one], round(float(shares[one]), 4)) for one in range(1, len(shares))),
                            key=lambda pair: -pair[1])  # fmt: skip
            told.append(Answer("Classes of voxels", ranked[0][0], ranked, seconds=time.perf_counter() - began))
    places = _written(job, grid, labels)
    return GridReading(told, *places[:1], grid.meta, boxes, *places[1:], reader.names if labels is not None else (),
                       notes)  # fmt: skip


def _written(job: Any, grid: Any, labels: Any) -> tuple[str, str]:
    """The files of the grid and of its labels, in the home's cache, by their content."""
    import hashlib

    key = hashlib.sha256(grid.rgba.tobytes() + (b"" if labels is None else labels.tobytes())).hexdigest()[:24]
    folder = Path(job.home.cache) / "grid-readings" / key
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "grid.npy", grid.rgba)
    if labels is None:
        return str(folder / "grid.npy"), ""
    np.save(folder / "labels.npy", labels)
    return str(folder / "grid.npy"), str(folder / "labels.npy")


def _grid(inputs: dict[str, Any], params: NerfMae) -> tuple[Any, tuple[str, ...]]:
    from .data import Grid, room

    asked = str(next((inputs[name] for name in ("grid", "scenes", "grids", "path") if inputs.get(name)), ""))
    if asked == ROOMS.address:
        return dataclasses.replace(room(ASKED_SEED, "test", 0, params), boxes=None, labels=None), ()
    path = Path(asked).expanduser()
    if not asked or path.suffix != ".npz" or not path.is_file():
        raise InputError("There is no grid to read.", expected="an .npz radiance grid", received=path.name or "nothing",
                         fix="Choose a file, or the sample.", field="grid")  # fmt: skip
    from workbench.engine.scenes.gridfiles import read_grid

    from .folders import check_size, coarser

    rgba, meta = read_grid(path, str(inputs.get("density", "")))
    times = -(-max(rgba.shape[:3]) // params.side)
    notes: tuple[str, ...] = ()
    if inputs.get("fit") and times > 1:
        sides = np.array(rgba.shape[:3])
        more = -sides % times
        high = np.add(meta.low, np.subtract(meta.high, meta.low) * (sides + more) / sides)
        rgba = coarser(np.pad(rgba, [*((0, int(one)) for one in more), (0, 0)]), times, path)
        meta = RadianceMeta(meta.low, (float(high[0]), float(high[1]), float(high[2])), "alpha", meta.title)
        notes = (f"The grid was made {times} times coarser: the model sees {params.side} voxels along each side.",)
    check_size(rgba.shape[:3], params.side, path)
    return Grid(path.stem, rgba, meta), notes


def _load(folder: Path, card: dict[str, Any], job: Any) -> Reader:
    from safetensors.torch import load_file

    from workbench.core.params import check
    from workbench.engine.devices import choose

    from .networks import make_backbone
    from .tasks import task_of

    params = check(NerfMae, card["knobs"])
    if not {LABELS, BOXES} & set(card.get("tasks", ())):
        raise InputError(
            "This model has learned neither boxes nor labels.", expected="a run that went to its end",
            received=", ".join(card.get("tasks", ())) or "a pretrained network alone",
            fix="Run it again with the task 'labels and boxes'.", field="model", place=str(folder),
        )  # fmt: skip
    place, names, models = choose(job.device, job.precision), tuple(card["names"]), {}
    for name in card["tasks"]:
        if name in (LABELS, BOXES):
            task = task_of(name, params, (), classes=len(names))
            model = task.make(make_backbone(params))
            model.load_state_dict(load_file(folder / f"{name}.safetensors"))
            models[name] = (task, model.to(place.device).eval())
    return Reader(models, params, names, place)
