"""Pictures of a field for a person who looks around in it: coarse at once, then finer, while it is learned or after.

While it is learned the pictures take a small share of the time, however fast the camera moves: a view is worked on in
slices between steps, and left where it was when another one is asked for.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from workbench.core.fields import LARGEST_PX, VIEW, FieldFrame, FieldLook
from workbench.core.job import Job
from workbench.core.kinds import Frame
from workbench.engine.scenes.fieldrendering import Occupancy, Rendered, in_parts, normals, view_rays
from workbench.engine.scenes.fields import Field
from workbench.engine.scenes.fieldtraining import Learner
from workbench.engine.scenes.fieldviews import shifted

COARSENESS = (8, 4, 2, 1)
SLICE_SAMPLES = 1 << 15
"""Samples between two looks at the clock."""
SHARE = 0.06
"""Of the time while a field is learned; a run's own budget for previews is the upper limit."""
BURST_S = 0.15
"""So much may be spent at once after nothing was."""
SLICE_S = 0.03
ASKED_EVERY_S = 0.02
ANEW_S = 2.0
"""A view that stays is rendered anew so long after it was finished."""
PASSING_FILES = 8
"""Pictures that a finer one replaces at once share so many files."""
KEPT_EVERY_S = 2.0
"""Finest pictures are kept for the time slider, so far apart at first; twice as far after every KEPT of them."""
KEPT = 60


@dataclasses.dataclass(frozen=True)
class Picture:
    """Colours with opacity (h, w, 4) uint8, not multiplied; distance along the view axis (h, w) float32, inf: none."""

    rgba: NDArray[np.uint8]
    depth: NDArray[np.float32]
    coarseness: int


def bounded(look: FieldLook, most_px: int = LARGEST_PX) -> FieldLook:
    """A look that is not larger than `most_px`, and not smaller than a pixel."""
    width, height = max(1, look.width), max(1, look.height)
    scale = min(1.0, most_px / max(width, height))
    return msgspec.structs.replace(look, width=max(1, round(width * scale)), height=max(1, round(height * scale)))


def progressive(
    field: Field, look: FieldLook, samples: int, *, occupancy: Occupancy | None = None
) -> Iterator[Picture | None]:
    """A view coarse to fine; None after each slice of work that finishes no picture.

    It is looked at from where the photographs' coordinates say, whatever was taken off them to learn the field.
    """
    look = bounded(look)
    view = msgspec.structs.replace(look.view, pose=shifted(look.view.pose, [-one for one in field.origin]))
    for coarse in COARSENESS:
        width, height = math.ceil(look.width / coarse), math.ceil(look.height / coarse)
        if coarse > 1 and min(width, height) < 4:
            continue
        rays = view_rays(view, width, height)
        parts: list[Rendered] = []
        black = torch.zeros(3, device=field.low.device)
        for part in in_parts(field, rays, samples, black, occupancy=occupancy, behind=look.view.orthographic,
                             chunk=SLICE_SAMPLES):  # fmt: skip
            parts.append(Rendered(*(one.cpu() for one in part)))
            yield None
        whole = Rendered(*(torch.cat([part[at] for part in parts]) for at in range(3)))
        colours = whole.rgb / whole.alpha[:, None].clamp(min=1e-3)
        depth = torch.where(whole.alpha > 0.05, whole.depth * rays.forward, torch.inf)
        if look.shown == "normal":
            colours = normals(field, rays, whole.depth) * 0.5 + 0.5
        elif look.shown == "depth":
            colours = shaded_depth(depth)[:, None].expand(-1, 3)
        rgba = torch.cat([colours, whole.alpha[:, None]], 1).clamp(0, 1).mul(255).round().to(torch.uint8)
        yield Picture(rgba.view(height, width, 4).numpy(), depth.view(height, width).numpy(), coarse)


def shaded_depth(depth: torch.Tensor) -> torch.Tensor:
    """Distances as shades: what is nearest is white, what is farthest dark, what is infinite black."""
    there = torch.isfinite(depth)
    if not there.any():
        return torch.zeros_like(depth)
    near, far = depth[there].min(), depth[there].max()
    return torch.where(there, 1 - 0.9 * (depth - near) / (far - near).clamp(min=1e-6), torch.zeros_like(depth))


class LiveView:
    """What a window asks of a run's field, rendered between its steps and announced as Frame artifacts of `slot`."""

    def __init__(
        self, job: Job, learner: Learner, slot: str, *, share: float = SHARE,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:  # fmt: skip
        self.job, self.learner, self.slot, self.share, self._clock = job, learner, slot, share, clock
        self.spent_s = 0.0
        """All the time that went into pictures."""
        self._look: FieldLook | None = None
        self._work: Iterator[Picture | None] | None = None
        self._again = False
        self._credit, self._at, self._asked_at = BURST_S, clock(), -math.inf
        self._began_at = self._done_at = self._kept_at = -math.inf
        self._passing = self._kept = 0

    def tick(self) -> None:
        """Between two steps: work on what is asked for, as far as its share of the time goes."""
        now = self._clock()
        self._credit = min(BURST_S, self._credit + (now - self._at) * self.share)
        self._at = now
        if now - self._asked_at >= ASKED_EVERY_S:
            self._asked_at = now
            self._hear(self.job.asked(VIEW, FieldLook), now)
        if self._work is None or self._credit <= 0:
            return
        with self.job.preview("view") as granted:
            if granted:
                began = self._clock()
                self._go_on(began)
                spent = self._clock() - began
                self.spent_s += spent
                self._credit -= spent

    def _hear(self, look: FieldLook | None, now: float) -> None:
        if look is None:
            self._look = self._work = None
        elif look != self._look:
            self._begin(look, now, again=False)
        elif self._work is None and now - self._done_at >= ANEW_S:
            self._begin(look, now, again=True)

    def _begin(self, look: FieldLook, now: float, *, again: bool) -> None:
        self._look, self._again, self._began_at = look, again, now
        field = self.learner.shown
        self._work = progressive(field, look, self.learner.learning.samples, occupancy=self.learner.empty)

    def _go_on(self, began: float) -> None:
        while self._work is not None and self._look is not None:
            made = next(self._work, None)
            if made is not None:
                finest = made.coarseness == 1
                # A view that stays is replaced by a finished one only: going back to a coarse one would flicker.
                if finest or not self._again:
                    self._announce(made, self._look, finest)
                if finest:
                    self._work, self._done_at = None, self._clock()
            if self._clock() - began >= SLICE_S:
                return

    def _announce(self, made: Picture, look: FieldLook, finest: bool) -> None:
        from PIL import Image

        now = self._clock()
        behind = backdrop_of(self.learner)
        meta = msgspec.to_builtins(FieldFrame(look, made.coarseness, seconds=now - self._began_at, behind=behind))
        apart = KEPT_EVERY_S * 2 ** (self._kept // KEPT)
        if finest and now - self._kept_at >= apart:
            self._kept, self._kept_at = self._kept + 1, now
            self.job.artifact(self.slot, Frame, lambda path: Image.fromarray(made.rgba).save(path, compress_level=1),
                              parts={"depth": made.depth}, meta=meta)  # fmt: skip
            return
        self._passing = (self._passing + 1) % PASSING_FILES
        stem = self.job.folder / "artifacts" / f"{self.slot}-passing-{self._passing}"
        picture, depth = stem.with_suffix(".png"), stem.with_suffix(".npy")
        _replace(picture, lambda path: Image.fromarray(made.rgba).save(path, "PNG", compress_level=1))
        _replace(depth, lambda path: _save_array(path, made.depth))
        self.job.artifact(self.slot, Frame, picture, parts={"depth": depth}, meta=meta)


def backdrop_of(learner: Learner) -> tuple[float, float, float]:
    """What lies behind a field while it is learned."""
    red, green, blue = learner.backdrop().tolist()
    return red, green, blue


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    """In one step: a window may be reading what was there."""
    scratch = path.with_suffix(path.suffix + ".tmp")
    write(scratch)
    scratch.replace(path)


def _save_array(path: Path, array: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
