"""Pretrained networks that a run begins with: one that an earlier run of this recipe kept, or a shipped one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from workbench.core.params import values_of
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.medical.kept import card_of, refused

from .recipe import SHIPPED

if TYPE_CHECKING:
    from .recipe import NerfMae

NAME = "nerf-mae"
FILE = "pretrained.safetensors"
SHAPE = ("patch", "width", "depths", "heads", "window")
"""Knobs that weights of the transformer hang on; the cube's edge is not among them."""
ALSO = ("network", "side", "boxes", "pyramid", "proposals", "candidates", "upscale")
"""Knobs that a task's network hangs on as well."""
Before = dict[str, Tensor]
STARTER = "radiance-encoder"
"""The shipped network; starter.py made it."""


def shape_of(params: NerfMae) -> dict[str, Any]:
    """What a card tells of the networks."""
    values = values_of(params)
    return {name: values[name] for name in (*SHAPE, *ALSO)}


def read(params: NerfMae) -> Before | None:
    """The pretrained weights that are taken, from `continue_from` or shipped; None where a run begins without.

    Raises InputError, on that field, naming everything that differs.
    """
    if params.continue_from:
        folder = Path(params.continue_from).expanduser()
        if not (folder / "workbench.json").is_file() and (folder / "model" / "workbench.json").is_file():
            folder = folder / "model"
        return _read(folder, params, "Set them as the model has them, or begin anew with an empty path.")
    if params.pretrain != SHIPPED:
        return None
    return _read(STARTERS / STARTER, params, "Set them as the shipped network has them, or pretrain here.")


def _read(folder: Path, params: NerfMae, fix: str) -> Before:
    told = card_of(folder, NAME).get("knobs", {})
    values = values_of(params)
    differ = [name for name in SHAPE if told.get(name) != values[name]]
    if differ:
        expected, received = (", ".join(f"{name} {one.get(name)}" for name in differ) for one in (told, values))
        raise refused("The pretrained network has another shape, so its weights do not fit.", expected, received, fix)
    try:
        return dict(load_file(folder / FILE))
    except (OSError, SafetensorError) as error:
        raise refused("This model holds no pretrained network.", FILE, str(error),
                      "Choose the model of a run that pretrained.") from None  # fmt: skip
