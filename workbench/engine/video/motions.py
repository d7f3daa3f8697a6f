"""Clips of one moving sprite, and stills of a standing one: data whose appearance and motion are known.

Eight motions in four pairs; the second of a pair is the first played backwards, from the same distribution. What looks
at frames without their order therefore names at most every second motion (papers 05 and 29, desk-size experiments).
Everything follows from a seed: another seed shares neither a backdrop nor a path.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .sprites import COLOURS, NOISE, SHAPES, Floats, backdrops, noisy, paint

MOTIONS = (
    "moves right", "moves left", "moves down", "moves up", "orbits clockwise", "orbits counter-clockwise",
    "grows", "shrinks",
)  # fmt: skip
"""Label names; an even place and the next one are a pair, each the other backwards."""
PLACES = {"at the left": (-1, 0), "at the right": (1, 0), "at the top": (0, -1), "at the bottom": (0, 1),
          "in the middle": (0, 0)}  # fmt: skip
SIZES = {"small": (0.10, 0.135), "large": (0.17, 0.215)}
"""Radii of a still's sprite, in shares of the picture's edge."""
RADIUS, REACH, GROWTH = (0.12, 0.18), (0.34, 0.5), 0.75
"""Of a clip's sprite: radius and length of the path in shares of the edge; growth from 1 − ½ to 1 + ½ of it."""
_PLACE_OFFSET, _PLACE_JITTER, _TINT_JITTER, _PORTION = 0.27, 0.06, 0.06, 128


@dataclasses.dataclass(frozen=True)
class ClipSet:
    """N clips with the place of their motion, shape and colour in the names they were drawn from."""

    frames: NDArray[np.uint8]
    """(N, T, H, W, 3)"""
    motion: NDArray[np.int64]
    shape: NDArray[np.int64]
    colour: NDArray[np.int64]
    captions: list[str]
    boxes: Floats
    """(N, T, 4): left, top, right, bottom of the moving sprite in pixels."""
    motions: tuple[str, ...] = MOTIONS
    shapes: tuple[str, ...] = SHAPES
    colours: tuple[str, ...] = tuple(COLOURS)

    def __len__(self) -> int:
        return len(self.frames)


@dataclasses.dataclass(frozen=True)
class StillSet:
    """N pictures of one sprite, its shape and colour, and a caption that also says its size and place."""

    images: NDArray[np.uint8]
    """(N, H, W, 3)"""
    shape: NDArray[np.int64]
    colour: NDArray[np.int64]
    captions: list[str]

    def __len__(self) -> int:
        return len(self.images)


def course(
    motion: str, moments: Floats, *, x: Floats, y: Floats, radius: Floats, reach: Floats, angle: Floats
) -> Floats:
    """Where N sprites are that do one motion, and how large: (N, T, 3) of x, y, radius.

    x, y is the path's middle (the orbit's centre), `reach` its length (the orbit's diameter), `angle` in radians where
    an orbit is halfway; all (N,) and in one unit. `moments` (T,) go from 0 to 1 over the motion.
    Raises ValueError on a motion that is not one of MOTIONS.
    """
    if motion not in MOTIONS:
        raise ValueError(f"a motion is one of {', '.join(MOTIONS)}, not {motion!r}")
    pair, backwards = divmod(MOTIONS.index(motion), 2)
    along = (moments[None, :] - np.float32(0.5)) * np.float32(-1 if backwards else 1)
    at = np.repeat(np.stack([x, y, radius], -1).astype(np.float32)[:, None], len(moments), 1)
    if pair in (0, 1):
        at[..., pair] += reach[:, None] * along
    elif pair == 2:  # y points down, so that a growing angle turns clockwise
        turned = angle[:, None] + np.float32(np.pi) * along
        at[..., 0] += reach[:, None] / 2 * np.cos(turned)
        at[..., 1] += reach[:, None] / 2 * np.sin(turned)
    else:
        at[..., 2] *= 1 + GROWTH * along
    return at


def room(motion: str, radius: Floats, reach: Floats) -> tuple[Floats, Floats]:
    """How far from the edge the middle of a path must stay for the sprite to stay inside: in x and in y, (N,)."""
    pair = MOTIONS.index(motion) // 2
    grown = radius * np.float32(1 + GROWTH / 2) if pair == 3 else radius
    half = reach * np.float32(0.5)
    return grown + half * (pair in {0, 2}), grown + half * (pair in {1, 2})


def boxes_of(at: Floats) -> Floats:
    """Left, top, right, bottom of sprites (…, 4) from their x, y, radius (…, 3)."""
    return np.concatenate([at[..., :2] - at[..., 2:], at[..., :2] + at[..., 2:]], -1)


def clips(
    count: int, seed: int, *, frames: int = 8, size: int = 32, motions: Sequence[str] = MOTIONS,
    shapes: Sequence[str] = SHAPES, colours: Sequence[str] = tuple(COLOURS), sprites: int = 1, noise: float = NOISE,
) -> ClipSet:  # fmt: skip
    """`count` clips of a sprite that moves before blocks that stand still.

    Motions are equally frequent, shapes as well, and independent of each other. With `sprites` above 1 others of other
    colours stand still beside it. `frames` per clip, `size` the edge in pixels, `noise` the standard deviation on
    values from 0 to 1. The same seed gives the same clips, whatever pairs' halves are asked for: with
    motions=("moves left",) they are those of ("moves right",) backwards, but for the noise.
    """
    _check(count, frames, size, motions, shapes, colours, sprites)
    rng = np.random.default_rng([seed, 5])
    motion = balanced(rng, count, len(motions))
    shape, colour = balanced(rng, count, len(shapes)), rng.integers(0, len(colours), count)
    rgb = tints(rng, [colours[one] for one in colour])
    radius, reach = (rng.uniform(*span, count).astype(np.float32) for span in (RADIUS, REACH))
    angle = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    along = rng.random((2, count), np.float32)
    moments = np.linspace(0, 1, frames, dtype=np.float32)
    at = np.empty((count, frames, 3), np.float32)
    for place, name in enumerate(motions):
        chosen = np.flatnonzero(motion == place)
        edge_x, edge_y = room(name, radius[chosen], reach[chosen])
        x, y = edge_x + along[0, chosen] * (1 - 2 * edge_x), edge_y + along[1, chosen] * (1 - 2 * edge_y)
        at[chosen] = course(name, moments, x=x, y=y, radius=radius[chosen], reach=reach[chosen], angle=angle[chosen])
    at *= np.float32(size)
    found = np.empty((count, frames, size, size, 3), np.uint8)
    names = [shapes[one] for one in shape]
    for start in range(0, count, _PORTION):  # so many at once stay in the processor's cache
        part = slice(start, start + _PORTION)
        canvas = np.repeat(backdrops(rng, len(names[part]), size)[:, None], frames, 1)
        for _ in range(sprites - 1):
            _bystander(rng, canvas, rgb[part], colours)
        flat = canvas.reshape(-1, size, size, 3)
        each = [name for name in names[part] for _ in range(frames)]
        paint(flat, each, np.repeat(rgb[part], frames, 0), at[part].reshape(-1, 3))
        found[part] = noisy(canvas, rng, noise)
    captions = [f"a {colours[c]} {name} {motions[m]}" for c, name, m in zip(colour, names, motion, strict=True)]
    return ClipSet(found, motion, shape, colour, captions, boxes_of(at), tuple(motions), tuple(shapes), tuple(colours))


def stills(
    count: int, seed: int, size: int = 32, *, shapes: Sequence[str] = SHAPES, colours: Sequence[str] = tuple(COLOURS),
    noise: float = NOISE,
) -> StillSet:  # fmt: skip
    """`count` pictures of one sprite before blocks, with captions such as "a small red circle at the left".

    Shape × colour is as balanced as the count allows; size and place are drawn independently of it.
    """
    _check(count, 1, size, MOTIONS, shapes, colours, 1)
    rng = np.random.default_rng([seed, 29])
    both = balanced(rng, count, len(shapes) * len(colours))
    shape, colour = both // len(colours), both % len(colours)
    names, tinted = [shapes[one] for one in shape], [colours[one] for one in colour]
    rgb = tints(rng, tinted)
    extents = [list(SIZES)[one] for one in rng.integers(0, len(SIZES), count)]
    places = [list(PLACES)[one] for one in rng.integers(0, len(PLACES), count)]
    radius = np.array([rng.uniform(*SIZES[one]) for one in extents], np.float32)
    middle = 0.5 + _PLACE_OFFSET * np.array([PLACES[one] for one in places], np.float32)
    middle = middle + rng.uniform(-_PLACE_JITTER, _PLACE_JITTER, middle.shape).astype(np.float32)
    found = np.empty((count, size, size, 3), np.uint8)
    for start in range(0, count, 8 * _PORTION):
        part = slice(start, start + 8 * _PORTION)
        canvas = backdrops(rng, len(names[part]), size)
        at = np.column_stack([middle[part], radius[part]]) * np.float32(size)
        paint(canvas, names[part], rgb[part], at)
        found[part] = noisy(canvas, rng, noise)
    captions = [f"a {e} {t} {n} {p}" for e, t, n, p in zip(extents, tinted, names, places, strict=True)]
    return StillSet(found, shape, colour, captions)


def _check(  # noqa: PLR0917
    count: int, frames: int, size: int, motions: Sequence[str], shapes: Sequence[str], colours: Sequence[str],
    sprites: int,
) -> None:  # fmt: skip
    if count < 1 or frames < 1 or size < 16 or sprites < 1 or not (motions and shapes and colours):
        raise ValueError("clips need a count, frames, an edge of 16 pixels or more, and something to draw")
    unknown = {*motions} - {*MOTIONS} | {*shapes} - {*SHAPES} | {*colours} - {*COLOURS}
    if unknown:
        raise ValueError(f"nothing here is called {', '.join(sorted(unknown))}")


def balanced(rng: np.random.Generator, count: int, kinds: int) -> NDArray[np.int64]:
    """`count` places out of `kinds`, as equally frequent as can be, in random order."""
    found: NDArray[np.int64] = rng.permutation(kinds)[rng.permutation(np.arange(count) % kinds)]
    return found


def tints(rng: np.random.Generator, names: Sequence[str]) -> Floats:
    """The colours of those names (N, 3), each slightly off."""
    rgb = np.array([COLOURS[one] for one in names], np.float32)
    return np.clip(rgb + rng.uniform(-_TINT_JITTER, _TINT_JITTER, rgb.shape), 0, 1).astype(np.float32)


def _bystander(rng: np.random.Generator, canvas: Floats, rgb: Floats, colours: Sequence[str]) -> None:
    """A sprite that stands still in all frames of N clips (N, T, H, W, 3), of another colour than what moves there."""
    count, _, size = canvas.shape[:3]
    palette = np.array([COLOURS[one] for one in (colours if len(colours) > 1 else tuple(COLOURS))], np.float32)
    apart = np.abs(palette[None] - rgb[:, None]).sum(-1) > 3 * _TINT_JITTER
    picked = (rng.random(apart.shape) * apart).argmax(1)
    radius = rng.uniform(*RADIUS, (count, 1))
    at = np.concatenate([radius + rng.random((count, 2)) * (1 - 2 * radius), radius], 1) * size
    first = canvas[:, 0].copy()
    names = rng.choice(SHAPES, count).tolist()
    paint(first, names, palette[picked], at)
    canvas[:] = first[:, None]
