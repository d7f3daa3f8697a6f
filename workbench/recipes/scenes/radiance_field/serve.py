"""A trained field at work on one view.

`apply` of a run's model takes, in `inputs`, `pose` (sixteen numbers, row by row, that take camera axes to the scene's;
x right, y up, looking along −z), `width` and `height` in pixels, `height_deg` (the angle over the picture's height) and
`shown` (colour, depth or normal). All may be left out: the view of the first held-out photograph. `out` may name a .png
that the picture is written to, `depth` a .npy for distances along the view axis.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.fields import FieldLook
from workbench.core.problem import InputError
from workbench.core.scenes import Lens, Viewpoint
from workbench.engine.warm import warm


class RenderedView(AnswersDoc):
    """An answer about a view; `picture` and `depth` are where they were written (empty: nowhere)."""

    picture: str = ""
    depth: str = ""


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> RenderedView:
    """Render a view; see above for `inputs`. Raises InputError for what is none."""
    began = time.perf_counter()
    field, empty, card = warm(job, "radiance-field", folder, lambda card: _load(folder, card, job))
    from workbench.engine.scenes.fieldlive import progressive

    look = _look(inputs, card)
    made = None
    for one in progressive(field, look, int(card["samples"]), occupancy=empty):
        job.progress(0, 0)
        made = one or made
    if made is None:
        raise InputError("There is nothing to render.", expected="a picture of a pixel or more", received="none")
    height, width = made.depth.shape
    reached = np.isfinite(made.depth)
    near = f", nearest at {made.depth[reached].min():.3g}" if reached.any() else ""
    note = f"{reached.mean():.0%} of the picture ends in the field{near}"
    said = Answer(f"{card['knobs']['field']} field", f"{width} × {height} pixels", seconds=time.perf_counter() - began,
                  note=note)  # fmt: skip
    return RenderedView([said], _picture(inputs, made.rgba), _array(inputs, made.depth))


def _look(inputs: dict[str, Any], card: dict[str, Any]) -> FieldLook:
    width, height, fx, fy, cx, cy = card["lens"]
    standing = Lens(int(width), int(height), fx, fy, cx, cy)
    angle = inputs.get("height_deg", standing.height_deg)
    asked = {
        "view": {"pose": inputs.get("pose") or card["pose"], "height_deg": angle},
        "width": inputs.get("width", standing.width), "height": inputs.get("height", standing.height),
        "shown": inputs.get("shown", "colour"),
    }  # fmt: skip
    try:
        look = msgspec.convert(asked, FieldLook, strict=False)
        pose = np.asarray(look.view.pose).reshape(4, 4)
        if not np.isfinite(pose).all() or abs(float(np.linalg.det(pose[:3, :3])) - 1) > 1e-2:
            raise ValueError("its rotation is none")
    except (msgspec.ValidationError, ValueError) as error:
        raise InputError(
            "The view makes no sense.", expected="pose: sixteen numbers of a rotation and a place; width and height in "
            "pixels; shown: colour, depth or normal", received=str(error), fix="Leave them out for the standing view.",
            field="pose",
        ) from None  # fmt: skip
    return msgspec.structs.replace(look, view=Viewpoint(look.view.pose, height_deg=look.view.height_deg))


def _place(inputs: dict[str, Any], name: str, suffix: str) -> Path | None:
    if not inputs.get(name):
        return None
    path = Path(str(inputs[name]))
    if path.suffix != suffix or not path.parent.is_dir():
        raise InputError("The picture cannot be written there.", expected=f"a {suffix} in a folder that is there",
                         received=str(path), fix="Choose another place.", field=name)  # fmt: skip
    return path


def _picture(inputs: dict[str, Any], rgba: Any) -> str:
    from PIL import Image

    path = _place(inputs, "out", ".png")
    if path is not None:
        Image.fromarray(rgba).save(path)
    return str(path or "")


def _array(inputs: dict[str, Any], depth: Any) -> str:
    path = _place(inputs, "depth", ".npy")
    if path is not None:
        np.save(path, depth, allow_pickle=False)
    return str(path or "")


def _load(folder: Path, card: dict[str, Any], job: Any) -> tuple[Any, Any, dict[str, Any]]:
    import torch

    from workbench.engine.devices import choose
    from workbench.engine.scenes.fieldrendering import Occupancy
    from workbench.engine.scenes.fields import load

    field = load(folder).to(choose(job.device, job.precision).device)
    empty = Occupancy(field, 40)
    empty.look(field, torch.Generator().manual_seed(0))
    return field, empty, card
