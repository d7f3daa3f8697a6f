"""A pretrained network is taken from a model that an earlier run of this recipe kept; that model stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from workbench.core.params import values_of
from workbench.engine.medical.kept import card_of, refused

if TYPE_CHECKING:
    from .recipe import NerfMae

NAME = "nerf-mae"
FILE = "pretrained.safetensors"
SHAPE = ("patch", "width", "depths", "heads", "window")
"""Knobs that weights of the transformer hang on; the cube's edge is not among them."""
ALSO = ("network", "side", "boxes", "pyramid", "proposals", "candidates", "upscale")
"""Knobs that a task's network hangs on as well."""
Before = dict[str, Tensor]


def shape_of(params: NerfMae) -> dict[str, Any]:
    """What a card tells of the networks."""
    values = values_of(params)
    return {name: values[name] for name in (*SHAPE, *ALSO)}


def read(params: NerfMae) -> Before:
    """The pretrained weights at `continue_from`; raises InputError, on that field, naming everything that differs."""
    folder = Path(params.continue_from).expanduser()
    if not (folder / "workbench.json").is_file() and (folder / "model" / "workbench.json").is_file():
        folder = folder / "model"
    told = card_of(folder, NAME).get("knobs", {})
    values = values_of(params)
    differ = [name for name in SHAPE if told.get(name) != values[name]]
    if differ:
        expected, received = (", ".join(f"{name} {one.get(name)}" for name in differ) for one in (told, values))
        raise refused("This model has another network, so its weights do not fit.", expected, received,
                      "Set them as the model has them, or begin anew with an empty path.")  # fmt: skip
    try:
        return dict(load_file(folder / FILE))
    except (OSError, SafetensorError) as error:
        raise refused("This model holds no pretrained network.", FILE, str(error),
                      "Choose the model of a run that pretrained.") from None  # fmt: skip
