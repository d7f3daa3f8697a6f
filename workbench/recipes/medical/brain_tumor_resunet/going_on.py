"""Training goes on from a model that an earlier run of this recipe kept; the earlier model stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from workbench.engine.medical.kept import card_of, refused

from .data import REGIONS, Cohort

if TYPE_CHECKING:
    from workbench.core.job import Job

    from .recipe import BrainTumorResunet

NAME = "brain-tumor-resunet"


def put_in(job: Job, model: nn.Module, params: BrainTumorResunet, cohort: Cohort) -> None:
    """Load the weights of `continue_from`; raises InputError, on that field, naming everything that differs."""
    folder = Path(params.continue_from).expanduser()
    card = card_of(folder, NAME)
    wanted: dict[str, Any] = {name: getattr(params, name) for name in card.get("shape", {}) if hasattr(params, name)}
    wanted |= {"channels": list(cohort.channels), "regions": [name for name, _ in REGIONS[params.scheme]]}
    has: dict[str, Any] = {**card.get("shape", {}), "channels": card.get("channels"),
                           "regions": [name for name, *_ in card.get("regions", ())]}  # fmt: skip
    differ = [name for name in wanted if wanted[name] != has.get(name)]
    if differ:
        expected, received = (", ".join(f"{name} {told.get(name)}" for name in differ) for told in (has, wanted))
        raise refused(
            "This model was made with other settings, so its training cannot go on.", expected, received,
            "Set them as the model has them, or begin anew with an empty path.",
        )  # fmt: skip
    try:
        model.load_state_dict(load_file(folder / "network.safetensors"))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise refused("The weights of this model cannot be loaded.", "whole weights of the same network", str(error),
                       "Choose another model.") from None  # fmt: skip
    job.log(f"Going on from {folder.parent.name if folder.name == 'model' else folder.name}, which stays as it is.")
