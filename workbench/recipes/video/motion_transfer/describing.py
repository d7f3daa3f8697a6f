"""From clips to what a model reads of them: the frozen part, which is asked once where its answers fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from workbench.engine.devices import Place
from workbench.engine.video.dist import DistSizes

from .data import Part, Pixels
from .networks import Differencing, DistBody, Inputs, Mover, Namer, OverFrames, Pooled, Tuned
from .recipe import DIFFERENCING, DIST, ON_FINE, TEXT, MotionTransfer
from .taxonomy import Taxonomy

Describe = Callable[[Pixels], Inputs]
GAMMA = 2
"""DiST's image encoder sees every second frame."""
TOGETHER = 32
MOST_KEPT_BYTES = 1 << 30
"""What is said of all clips of a part is kept up to here, and asked anew for each batch beyond."""


class Described:
    """The clips of a part as a model reads them."""

    def __init__(self, part: Part, describe: Describe) -> None:
        self.part, self.describe = part, describe
        self._kept: Inputs | None = None
        probe = describe(part.frames[:1])
        if sum(one.nbytes for one in probe.values()) * len(part) <= MOST_KEPT_BYTES:
            some = [describe(part.frames[at : at + TOGETHER]) for at in range(0, len(part), TOGETHER)]
            self._kept = {name: torch.cat([one[name] for one in some]) for name in probe}

    def batch(self, places: Sequence[int]) -> Inputs:
        """What a model reads of these clips, on the CPU."""
        if self._kept is None:
            return self.describe(self.part.frames[list(places)])
        return {name: one[list(places)] for name, one in self._kept.items()}


def plain(frames: Pixels) -> Inputs:
    """Clips as they are."""
    return {"clips": torch.from_numpy(frames)}


def assembled(params: MotionTransfer, taxonomy: Taxonomy, known_set: int, place: Place) -> tuple[Describe, nn.Module]:
    """What describes clips, and the model that learns from it.

    Raises InputError where a folder holds no such model, and where knobs do not fit each other.
    """
    if params.model == TEXT:
        return _with_texts(params, taxonomy, known_set, place)
    describe, body = _body(params, place)
    known = taxonomy.of_set(known_set)
    return describe, Mover(body, heads=params.heads, coarse=len(taxonomy.coarse), fine=len(known),
                           variants=taxonomy.places)  # fmt: skip


def _body(params: MotionTransfer, place: Place) -> tuple[Describe, nn.Module]:
    if params.model == DIFFERENCING:
        return plain, Differencing(width=params.width, channels=params.channels, dropout=params.dropout)
    if params.model == DIST:
        return _dist(params, place)
    return _video_model(params, place)


def _video_model(params: MotionTransfer, place: Place) -> tuple[Describe, nn.Module]:
    from .videofolder import load

    encoder = load(params.video_model)
    if not params.frozen:
        return lambda frames: {"pixels": encoder.prepared(frames).cpu()}, Tuned(encoder)
    encoder.to(place.device).requires_grad_(False).eval()

    @torch.no_grad()
    def describe(frames: Pixels) -> Inputs:
        with place.autocast():
            return {"clip": encoder(encoder.prepared(frames)).float().cpu()}

    return describe, Pooled(encoder.width)


def _frozen(params: MotionTransfer, place: Place) -> Any:
    from workbench.engine.video.imagelanguage import load

    return load(params.backbone).to(place.device).requires_grad_(False)


def _dist(params: MotionTransfer, place: Place) -> tuple[Describe, nn.Module]:
    encoder = _frozen(params, place)
    large = encoder.width >= 384
    sizes = DistSizes(
        channels=encoder.width, blocks=encoder.layers, patch=encoder.patch, grid=encoder.image_px // encoder.patch,
        frames=params.frames, gamma=GAMMA, integration=384 if large else 64, temporal=96 if large else 24,
        shared=encoder.dim,
    )  # fmt: skip

    @torch.no_grad()
    def describe(frames: Pixels) -> Inputs:
        prepared = encoder.prepared(frames)
        pixels = prepared.view(*frames.shape[:2], *prepared.shape[1:])  # (B, F, 3, S, S)
        with place.autocast():
            seen = torch.stack(encoder.hidden(pixels[:, ::GAMMA].flatten(0, 1)), 1)  # (B · T, L, 1 + P, C)
        hidden = seen.view(len(frames), sizes.seen, *seen.shape[1:])
        return {"pixels": pixels.half().cpu(), "hidden": hidden.half().cpu()}

    return describe, DistBody(sizes)


def _with_texts(
    params: MotionTransfer, taxonomy: Taxonomy, known_set: int, place: Place
) -> tuple[Describe, nn.Module]:  # fmt: skip
    encoder = _frozen(params, place)

    @torch.no_grad()
    def describe(frames: Pixels) -> Inputs:
        with place.autocast():
            last = encoder.hidden(encoder.prepared(frames))[-1].float()  # (B · T, 1 + P, C)
            whole = encoder.pooled(last).float()
        edge = encoder.image_px // encoder.patch
        grid = last[:, 1:].transpose(1, 2).reshape(len(last), -1, edge, edge)
        corners = nn.functional.adaptive_avg_pool2d(grid, 2).flatten(1)
        return {"frames": torch.cat([whole, corners], 1).view(*frames.shape[:2], -1).cpu()}

    body = OverFrames(encoder.dim + 4 * encoder.width, params.frames, width=params.width, dropout=params.dropout)
    with torch.no_grad():
        coarse = encoder.text(list(taxonomy.coarse)).float().cpu()
        fine = encoder.text([one.name for one in taxonomy.fine]).float().cpu()
    by_variant = params.protocol == ON_FINE
    return describe, Namer(body, coarse, fine, by_variant=by_variant, known=taxonomy.of_set(known_set))
