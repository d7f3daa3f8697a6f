"""Segmentation training goes on from a model that an earlier run of this recipe kept; that model stays as it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from workbench.core.problem import InputError
from workbench.core.volumes import Label
from workbench.engine.medical.kept import card_of, refused

from .recipe import MODALITY

if TYPE_CHECKING:
    from .data import Scans
    from .recipe import HiEndMae

NAME = "hi-end-mae"
SEGMENTER, ENCODER = "segmenter.safetensors", "encoder.safetensors"
SPACING_TOLERANCE_MM = 0.01


@dataclasses.dataclass(frozen=True)
class Before:
    """The earlier model: its folder's name, its organs in the order of its outputs, its weights."""

    name: str
    organs: tuple[Label, ...]
    spacing_mm: float
    segmenter: dict[str, Tensor]
    encoder: dict[str, Tensor]
    """As it was before any label was seen; handed on, so that the further model holds it too."""


def read(params: HiEndMae) -> Before:
    """The model at `continue_from`; raises InputError, on that field, naming everything that differs."""
    folder = Path(params.continue_from).expanduser()
    card = _card(folder)
    shape = card.get("shape", {})
    wanted = {name: getattr(params, name) for name in shape if hasattr(params, name)}
    differ = [name for name, value in wanted.items() if value != shape[name]]
    if differ:
        expected, received = (", ".join(f"{name} {told[name]}" for name in differ) for told in (shape, wanted))
        raise refused(
            "This model was made with other settings, so its training cannot go on.", expected, received,
            "Set them as the model has them, or begin anew with an empty path.",
        )  # fmt: skip
    try:
        organs = tuple(msgspec.convert(one, Label) for one in card["labels"])
        spacing_mm = float(card["spacing_mm"][0])
        weights = [load_file(folder / name) for name in (SEGMENTER, ENCODER)]
    except (OSError, SafetensorError, msgspec.ValidationError, KeyError, IndexError, ValueError) as error:
        raise refused("The weights of this model cannot be loaded.", f"a whole card, {SEGMENTER} and {ENCODER}",
                       str(error), "Choose another model.") from None  # fmt: skip
    name = folder.parent.name if folder.name == "model" else folder.name
    return Before(name, organs, spacing_mm, *weights)


def settled(params: HiEndMae, before: Before) -> HiEndMae:
    """The knobs of a run that goes on: nothing is pretrained, scans get the spacing that the model knows."""
    return params.replace(pretrain="none", ladder=False, weights="", spacing=before.spacing_mm)


def values_of(tree: tuple[Label, ...], before: Before, *, place: str) -> list[int]:
    """The tree's value of each of the model's organs, -1 where it has none of that name.

    Raises InputError for organs that the model does not know: it has no output for them.
    """
    known = {one.name.casefold(): one.value for one in tree}
    strange = sorted(known.keys() - {one.name.casefold() for one in before.organs})
    if strange:
        raise InputError(
            "These labels name organs that the model does not know.",
            expected=", ".join(one.name for one in before.organs),
            received=", ".join(strange),
            fix="Name them as the model does, or train anew with an empty 'Continue from'.",
            field="cases",
            place=place,
        )
    return [known.get(one.name.casefold(), -1) for one in before.organs]


def check(scans: Scans, before: Before) -> None:
    """Raise InputError where scans that are generated have other organs or another spacing than the model knows."""
    spacing_mm = scans.test[0].meta.geometry.spacing_mm[0]
    names = [[one.name for one in organs] for organs in (before.organs, scans.organs)]
    if names[0] != names[1] or abs(spacing_mm - before.spacing_mm) > SPACING_TOLERANCE_MM:
        raise refused(
            "This model does not know scans of this kind.", f"{', '.join(names[0])} at {before.spacing_mm:g} mm",
            f"{', '.join(names[1])} at {spacing_mm:g} mm", "Choose labelled scans of your own.",
        )  # fmt: skip


def _card(folder: Path) -> dict[str, Any]:
    card = card_of(folder, NAME)
    if card.get("task") != "segmentation":
        raise refused("This model is an encoder that has not learned to segment.", f"a {MODALITY} segmenter",
                       str(card.get("task")), "Choose the model of a run that went to its end.")  # fmt: skip
    return card
