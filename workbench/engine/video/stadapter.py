"""ST-Adapters: small spatio-temporal bottlenecks inside an image encoder that is otherwise frozen.

Pan and others, ST-Adapter: Parameter-Efficient Image-to-Video Transfer Learning, NeurIPS 2022:
X + W_up · conv(W_down · X) on patch tokens, the convolution depthwise over time. Gradients go through the whole
encoder.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from workbench.core.problem import InputError
from workbench.engine import adapters


class StAdapter(nn.Module):
    """A bottleneck with a depthwise 3×1×1 convolution over time; it begins as the identity.

    `prefix` tokens that are no patches (a class token) pass unchanged.
    """

    def __init__(self, width: int, bottleneck: int, *, frames: int, prefix: int = 1, kernel: int = 3) -> None:
        super().__init__()
        self.frames, self.prefix = frames, prefix
        self.down = nn.Linear(width, bottleneck)
        self.time = nn.Conv1d(bottleneck, bottleneck, kernel, padding=kernel // 2, groups=bottleneck)
        self.up = nn.Linear(bottleneck, width)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B · T, prefix + N, C) to the same; T is `frames`."""
        head, patches = tokens[:, : self.prefix], tokens[:, self.prefix :]
        held = self.down(patches).unflatten(0, (-1, self.frames))  # (B, T, N, c)
        clips, _, places, narrow = held.shape
        rows = held.permute(0, 2, 3, 1).reshape(clips * places, narrow, self.frames)
        moved = self.time(rows).view(clips, places, narrow, self.frames).permute(0, 3, 1, 2)
        return torch.cat([head, patches + self.up(moved.flatten(0, 1))], 1)


class StAdapters(nn.Module):
    """One adapter before each of an image encoder's blocks; `encoder` is frozen, and stays the caller's."""

    def __init__(self, encoder: nn.Module, *, width: int, bottleneck: int, frames: int, prefix: int = 1) -> None:
        super().__init__()
        name, count = adapters.layers(encoder)
        if not count:
            raise InputError(
                "This backbone has no blocks that adapters could stand before.", expected="a stack of blocks",
                received=type(encoder).__name__, fix="Choose another backbone.", field="backbone",
            )  # fmt: skip
        encoder.requires_grad_(False)
        self.adapters = nn.ModuleList(
            StAdapter(width, bottleneck, frames=frames, prefix=prefix) for _ in range(count)
        )  # fmt: skip
        blocks: Any = encoder.get_submodule(name)
        self._hooks = [
            block.register_forward_pre_hook(_before(adapter), with_kwargs=True)
            for block, adapter in zip(blocks, self.adapters, strict=True)
        ]

    def detach(self) -> None:
        """Take the adapters out: the encoder is as it was."""
        for one in self._hooks:
            one.remove()


def _before(adapter: nn.Module) -> Any:
    def adapt(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if given:
            return (adapter(given[0]), *given[1:]), named
        return given, {**named, "hidden_states": adapter(named["hidden_states"])}

    return adapt
