"""Photographs as radiance fields learn from them: checked, straight, each pixel with its ray at hand.

Photographs may differ in size and in lens; pixels stay bytes, so that a thousand pictures fit into memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.problem import InputError
from workbench.core.scenes import CamerasDoc, Lens, Placement, PosedImage
from workbench.core.volumes import Triple
from workbench.engine.scenes.fieldrendering import Rays, camera_rays, lens_rays

Bytes = NDArray[np.uint8]
FEWEST = 3
"""Photographs to learn from; with fewer nothing says how far away anything is."""
HELD_OUT_EVERY = 8
"""Of photographs none of which is marked as held out, every so many-th is (as nerfstudio and Mip-NeRF 360 do)."""
BLACK = 2
"""A photograph with no value above it shows nothing."""


@dataclasses.dataclass(frozen=True)
class Photograph:
    """Pixels (h, w, 3 or 4) uint8, straight ones, and where they were taken from."""

    pixels: Bytes
    lens: Lens
    pose: Placement
    held_out: bool = False
    name: str = ""

    @property
    def rays(self) -> Rays:
        """A ray for each pixel, row by row."""
        return lens_rays(self.pose, self.lens)

    def seen_on(self, background: Tensor) -> Tensor:
        """Colours (h, w, 3) from 0 to 1, what is transparent on a background (3,)."""
        found = torch.from_numpy(np.array(self.pixels)).float() / 255
        if found.shape[-1] == 3:
            return found
        return found[..., :3] * found[..., 3:] + (1 - found[..., 3:]) * background


@dataclasses.dataclass(frozen=True)
class Photographs:
    """What a field learns from and is tested on, and the box that it fills."""

    learned: tuple[Photograph, ...]
    held_out: tuple[Photograph, ...]
    low: Triple
    high: Triple
    notes: tuple[str, ...] = ()


def chosen(taken: Sequence[Photograph], low: Triple | None, high: Triple | None, *, field: str = "pictures",
           place: str = "") -> Photographs:  # fmt: skip
    """Check photographs, put some aside for testing, find the box.

    Raises InputError where too few are left, where all are black, or where none of them looks into the box.
    """
    notes: list[str] = []

    def enough(count: int, what: str, received: str) -> None:
        if count < FEWEST:
            raise InputError(
                "There are too few photographs to learn from.", expected=f"at least {FEWEST} {what}",
                received=f"{received} ({len(taken)} in all)",
                fix="Take more photographs, or check the poses, the box (aabb) and which ones are held out.",
                field=field, place=place,
            )  # fmt: skip

    seen = [one for one in taken if int(one.pixels[..., :3].max(initial=0)) > BLACK]
    if len(seen) < len(taken):
        enough(len(seen), "photographs that show something", f"{len(seen)} that are not black")
        notes.append(f"{len(taken) - len(seen)} black photographs were left out.")
    enough(len(seen), "photographs", f"{len(seen)} of them")
    if low is None or high is None:
        low, high = guessed_box(seen)
        notes.append("No box was given: one around what the cameras look at was taken.")
    looking = [one for one in seen if _looks_into(one, low, high)]
    if len(looking) < len(seen):
        box = f"a box from {_told(low)} to {_told(high)}"
        enough(len(looking), "cameras that look into the box", f"{box} that {len(looking)} of them see")
        notes.append(f"{len(seen) - len(looking)} photographs look past the box and were left out.")
    if not any(one.held_out for one in looking) and len(looking) > FEWEST:
        every = min(HELD_OUT_EVERY, len(looking))
        looking = [dataclasses.replace(one, held_out=at % every == 0) for at, one in enumerate(looking)]
        notes.append(f"Every {every}th photograph is held out for testing: none was marked.")
    learned = tuple(one for one in looking if not one.held_out)
    enough(len(learned), "photographs to learn from", f"{len(learned)} of them")
    if len({one.pixels.shape for one in looking}) > 1:
        notes.append("The photographs differ in size; each is learned at its own.")
    return Photographs(learned, tuple(one for one in looking if one.held_out), low, high, tuple(notes))


def _told(corner: Triple) -> str:
    return "(" + ", ".join(f"{one:.3g}" for one in corner) + ")"


def _looks_into(one: Photograph, low: Triple, high: Triple) -> bool:
    """Whether any of a few rays over the picture meets the box ahead of the camera."""
    lens = one.lens
    across, down = np.meshgrid(np.linspace(0, lens.width, 9), np.linspace(0, lens.height, 9))
    pose = torch.tensor(one.pose, dtype=torch.float32).reshape(4, 4)
    plane = [torch.from_numpy(values.ravel()).float() for values in ((across - lens.cx) / lens.fx,
                                                                      (down - lens.cy) / lens.fy)]  # fmt: skip
    rays = camera_rays(pose, *plane)
    inverse = 1 / torch.where(rays.directions.abs() < 1e-9, torch.full_like(rays.directions, 1e-9), rays.directions)
    ends = torch.stack([(torch.tensor(side) - rays.origins) * inverse for side in (low, high)])
    near, far = ends.amin(0).amax(1).clamp(min=0), ends.amax(0).amin(1)
    return bool((near < far).any())


def guessed_box(taken: Sequence[Photograph]) -> tuple[Triple, Triple]:
    """A cube around the point that cameras look at most nearly, as wide as they are far from it.

    The point is the closest one to all lines of sight (least squares); where these are all parallel it lies one unit
    ahead of the cameras' middle.
    """
    poses = np.array([one.pose for one in taken]).reshape(-1, 4, 4)
    at, ahead = poses[:, :3, 3], -poses[:, :3, 2]
    across = np.eye(3) - ahead[:, :, None] * ahead[:, None, :]
    total = across.sum(0)
    if np.linalg.cond(total) < 1e6:
        middle = np.linalg.solve(total, (across @ at[..., None]).sum(0))[:, 0]
    else:
        middle = at.mean(0) + ahead.mean(0)
    reach = float(np.linalg.norm(at - middle, axis=1).mean()) or 1.0
    low, high = middle - reach, middle + reach
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def from_cameras(
    doc: CamerasDoc, *, longest_px: int = 0, told: Callable[[int, int], Any] = lambda done, of: None, place: str = "",
) -> Photographs:  # fmt: skip
    """The photographs of posed pictures, undistorted, and shrunk to `longest_px` where they are larger (0: never).

    Raises InputError as `chosen` and the readers of pictures do.
    """
    taken = []
    for at, one in enumerate(doc.images):
        told(at, len(doc.images))
        taken.append(_read(one, longest_px))
    found = chosen(taken, doc.low, doc.high, place=place)
    return dataclasses.replace(found, notes=doc.notes + found.notes)


def _read(one: PosedImage, longest_px: int) -> Photograph:
    from workbench.engine.scenes.posed import load_pixels, shrunk, undistorted

    pixels, lens = undistorted(load_pixels(one), one.lens)
    pixels, lens = shrunk(pixels, lens, longest_px)
    return Photograph(pixels, lens, one.pose, one.held_out, one.path)


class PixelPool:
    """All pixels of photographs to be drawn from by chance, with rays and colours."""

    def __init__(self, taken: Sequence[Photograph], device: torch.device) -> None:
        self.device = device
        pixels = []
        for one in taken:
            flat = torch.from_numpy(np.array(one.pixels)).reshape(-1, one.pixels.shape[-1])
            if flat.shape[1] == 3:
                flat = torch.cat([flat, torch.full((len(flat), 1), 255, dtype=torch.uint8)], 1)
            pixels.append(flat)
        self.rgba = torch.cat(pixels).to(device)
        self.ends = torch.tensor([len(one) for one in pixels]).cumsum(0).to(device)
        lenses = [one.lens for one in taken]
        self.width = torch.tensor([one.width for one in lenses], device=device)
        self.lens = torch.tensor([[one.fx, one.fy, one.cx, one.cy] for one in lenses], device=device)
        self.poses = torch.tensor([one.pose for one in taken], dtype=torch.float32, device=device).view(-1, 4, 4)

    def drawn(self, count: int, chance: torch.Generator) -> tuple[Rays, Tensor, Tensor]:
        """Rays of chance pixels, their colours with alpha (count, 4) from 0 to 1, and whose they are (count,)."""
        index = torch.randint(len(self.rgba), (count,), generator=chance, device=chance.device).to(self.device)
        image = torch.searchsorted(self.ends, index, right=True)
        begin = torch.where(image > 0, self.ends[(image - 1).clamp(min=0)], 0)
        within, width = index - begin, self.width[image]
        row = torch.div(within, width, rounding_mode="floor")
        fx, fy, cx, cy = self.lens[image].unbind(1)
        right, down = (within - row * width + 0.5 - cx) / fx, (row + 0.5 - cy) / fy
        return camera_rays(self.poses[image], right, down), self.rgba[index].float() / 255, image
