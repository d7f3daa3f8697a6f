"""What a recipe gives the training loop, what is asked of it, and what of it learns."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn

from workbench.core.mixins import Training
from workbench.core.problem import InputError


class Objective(Protocol):
    """What a recipe optimises.

    Optional beside these: `parameter_groups() -> list[dict]`, `lengths: Sequence[int]` (batches of
    similar length), `progress(fraction)` before each step, `state() -> tree` and `load_state(tree)`.
    """

    model: nn.Module
    """Holds every parameter that learns."""

    @property
    def examples(self) -> int:
        """How many training examples there are."""

    def collate(self, indices: list[int]) -> Any:
        """A batch (tensors in dicts, lists or tuples, on the CPU) of the examples at these positions."""

    def weight(self, batch: Any) -> float:
        """The number of loss terms in a batch, so that accumulated micro-batches add up exactly."""

    def loss(self, batch: Any) -> Tensor:
        """The SUM of the batch's loss terms; fit divides by the effective batch's total weight."""


def check(objective: Objective) -> None:
    """Raise InputError where there is nothing to learn from, or nothing that learns."""
    if not objective.examples:
        raise InputError(
            "There is nothing to learn from.",
            expected="at least one training example",
            received="none",
            fix="Check the data and the columns that were chosen.",
            field="data",
        )
    if not any(one.requires_grad for one in objective.model.parameters()):
        raise InputError(
            "Nothing in this model learns.",
            expected="at least one parameter to learn",
            received="a frozen model without a head",
            fix="Choose another adaptation than 'linear probe', or add a head.",
            field="adapt",
        )


def groups(objective: Objective, params: Training) -> list[dict[str, Any]]:
    """The objective's own optimizer groups, or one that decays and one (norms, biases) that does not."""
    if own := getattr(objective, "parameter_groups", None):
        chosen: list[dict[str, Any]] = own()
        return chosen
    return decaying(objective.model, params)


def decaying(model: nn.Module, params: Training) -> list[dict[str, Any]]:
    """What of a model learns, as a group that decays and one (norms, biases) that does not."""
    learning = [one for one in model.parameters() if one.requires_grad]
    common = {"lr": params.learning_rate}
    return [
        {"params": [one for one in learning if one.ndim > 1], "weight_decay": params.weight_decay, **common},
        {"params": [one for one in learning if one.ndim <= 1], "weight_decay": 0.0, **common},
    ]


def is_frozen(module: nn.Module) -> bool:
    """Whether a module has parameters and none of them learns."""
    own = list(module.parameters())
    return bool(own) and not any(one.requires_grad for one in own)
