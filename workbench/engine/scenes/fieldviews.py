"""Photographs as radiance fields learn from them: checked, straight, each pixel with its ray at hand.

Photographs may differ in size and in lens; pixels stay bytes, so that a thousand pictures fit into memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.problem import InputError
from workbench.core.scenes import NOWHERE, CamerasDoc, Lens, Placement, PosedImage
from workbench.core.volumes import Triple
from workbench.engine.scenes.fieldboxes import guessed_box, narrowed
from workbench.engine.scenes.fieldrendering import Rays, camera_rays, lens_rays
from workbench.engine.scenes.keeping import origin_for, triple

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
    """What a field learns from and is tested on, and the box that it fills.

    `origin` was taken off all coordinates, so that single precision tells places apart where they are in the millions.
    """

    learned: tuple[Photograph, ...]
    held_out: tuple[Photograph, ...]
    low: Triple
    high: Triple
    notes: tuple[str, ...] = ()
    origin: Triple = NOWHERE


def chosen(taken: Sequence[Photograph], low: Triple | None, high: Triple | None, *, loose: bool = False,
           field: str = "pictures", place: str = "") -> Photographs:  # fmt: skip
    """Check photographs, put some aside for testing, find the box; a `loose` one is narrowed where it is far too wide.

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
        low, high, what = guessed_box(seen)
        notes.append(f"No box was given: one around {what} was taken.")
    elif loose:
        low, high, note = narrowed(seen, low, high)
        notes += note
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


def _told(corner: Triple, digits: int = 3) -> str:
    return "(" + ", ".join(f"{one:.{digits}g}" for one in corner) + ")"


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


def from_cameras(
    doc: CamerasDoc, *, longest_px: int = 0, told: Callable[[int, int], Any] = lambda done, of: None, place: str = "",
) -> Photographs:  # fmt: skip
    """The photographs of posed pictures, undistorted, and shrunk to `longest_px` where they are larger (0: never).

    Those whose file cannot be read are left out and told; raises InputError as `chosen` does, and the readers' where
    none can be read.
    """
    doc, origin = _near(doc)
    taken, trouble = [], list[tuple[str, InputError]]()
    for at, one in enumerate(doc.images):
        told(at, len(doc.images))
        try:
            taken.append(_read(one, longest_px))
        except InputError as error:
            trouble.append((Path(one.path).name, error))
    if trouble and not taken:
        raise trouble[0][1]
    found = chosen(taken, doc.low, doc.high, loose=doc.loose, place=place)
    notes = [f"{len(trouble)} of {len(doc.images)} photographs cannot be read and were left out, such as "
             f"{trouble[0][0]}: {trouble[0][1].received}."] if trouble else []  # fmt: skip
    return dataclasses.replace(found, notes=(*doc.notes, *notes, *found.notes), origin=origin)


def _near(doc: CamerasDoc) -> tuple[CamerasDoc, Triple]:
    """The photographs with an origin taken off their coordinates, and that origin."""
    poses = np.array([one.pose for one in doc.images], np.float64).reshape(-1, 4, 4)
    origin = origin_for(poses[:, :3, 3])
    if not origin.any():
        return doc, NOWHERE
    images = tuple(msgspec.structs.replace(one, pose=shifted(one.pose, -origin)) for one in doc.images)
    low, high = (None if one is None else triple(np.asarray(one) - origin) for one in (doc.low, doc.high))
    note = f"Coordinates are far from 0: {_told(triple(origin), digits=8)} is taken off while the field is learned."
    return msgspec.structs.replace(doc, images=images, low=low, high=high, notes=(*doc.notes, note)), triple(origin)


def shifted(pose: Placement, by: Sequence[float] | NDArray[np.float64]) -> Placement:
    """A pose elsewhere."""
    found = list(pose)
    for axis in range(3):
        found[4 * axis + 3] += float(by[axis])
    return tuple(found)  # type: ignore[return-value]


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
