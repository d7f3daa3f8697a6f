"""What a run leaves: what was learned as safetensors, and a card that tells how to put it together again."""

from __future__ import annotations

from typing import Any

from safetensors.torch import save_file
from torch import nn

from workbench.core.job import Job
from workbench.core.params import values_of

from .data import Data
from .recipe import MotionTransfer
from .taxonomy import Fine, Taxonomy

WEIGHTS = "model.safetensors"


def save(job: Job, model: nn.Module, data: Data, params: MotionTransfer) -> None:
    """Write model/; a frozen encoder is not copied, its address stands in the card."""
    tensors = {name: one.detach().cpu().contiguous() for name, one in model.state_dict().items()}
    save_file(tensors, job.model_folder() / WEIGHTS)
    job.write_card(
        task="motion transfer", knobs=values_of(params), known_set=data.known_set,
        coarse=list(data.taxonomy.coarse),
        fine=[[one.name, one.coarse, one.set, one.place] for one in data.taxonomy.fine],
    )  # fmt: skip


def taxonomy_of(card: dict[str, Any]) -> Taxonomy:
    """The classes that a card tells."""
    fine = tuple(Fine(str(name), int(coarse), int(number), int(place)) for name, coarse, number, place in card["fine"])
    return Taxonomy(tuple(card["coarse"]), fine)
