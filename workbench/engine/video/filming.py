"""Longer generated films: a sprite does one thing after another, and when it does what is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .motions import MOTIONS, course
from .sprites import COLOURS, NOISE, SHAPES, Floats, backdrop, draw, noisy

ACTION_S, PAUSE_S = (1.6, 3.6), (0.4, 1.6)
"""How long an action takes, and how long the sprite stands still after it."""
_RADIUS, _REACH = (0.10, 0.14), (0.3, 0.5)
_LEAST, _MOST = 0.045, 0.3
_MOST_TRIES = 40


@dataclasses.dataclass(frozen=True)
class Action:
    """What the film's sprite does from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    label: str
    """One of MOTIONS."""
    words: str
    """'a red circle moves right'."""


@dataclasses.dataclass(frozen=True)
class Film:
    """A scene of minutes: `actions` in order, with pauses between them; frames are drawn when asked for."""

    width: int
    height: int
    frames_per_s: float
    count: int
    actions: tuple[Action, ...]
    places: Floats
    """(count, 3): x, y, radius of the sprite in pixels."""
    shapes: tuple[tuple[int, str, str], ...]
    """From which frame on it is which shape, in which colour."""
    ground: Floats
    """(height, width, 3) from 0 to 1."""
    seed: int

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return self.count / self.frames_per_s

    def frame(self, number: int) -> NDArray[np.uint8]:
        """Frame `number`, (height, width, 3); always the same, noise included. Raises IndexError outside the film."""
        if not 0 <= number < self.count:
            raise IndexError(f"the film has frames 0 to {self.count - 1}, not {number}")
        canvas = self.ground.copy()
        _, shape, colour = [one for one in self.shapes if one[0] <= number][-1]
        x, y, radius = map(float, self.places[number])
        draw(canvas, shape, COLOURS[colour], x, y, radius)
        return noisy(canvas, np.random.default_rng([self.seed, 43, number]), NOISE)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """All frames in order, one at a time."""
        return (self.frame(number) for number in range(self.count))


def film(
    seed: int, *, seconds: float = 60.0, frames_per_s: float = 25.0, width: int = 320, height: int = 240,
    motions: tuple[str, ...] = MOTIONS,
) -> Film:  # fmt: skip
    """A scene in which one sprite after another stays for a few actions, each of them known by its span.

    Sizes are in pixels. All happens in the middle square, which is what encoders cut out of a frame. Where a motion has
    no room left, another one is drawn; a sprite that has done its actions gives way to another shape and colour. Raises ValueError for a film that is too short for one action.
    """
    if seconds < ACTION_S[1] + PAUSE_S[1] or min(width, height) < 16 or frames_per_s <= 0:
        raise ValueError(f"a film takes {ACTION_S[1] + PAUSE_S[1]:g} s or more, and 16 pixels each way")
    rng = np.random.default_rng([seed, 43])
    count, edge = round(seconds * frames_per_s), float(min(width, height))
    at = np.array([width / 2, height / 2, rng.uniform(*_RADIUS) * edge], np.float32)
    places: list[Floats] = [at[None]]
    actions: list[Action] = []
    shape, colour = str(rng.choice(SHAPES)), str(rng.choice(list(COLOURS)))
    shapes, left, done = [(0, shape, colour)], int(rng.integers(2, 5)), 1
    while True:
        pause, frames = (max(2, round(rng.uniform(*one) * frames_per_s)) for one in (PAUSE_S, ACTION_S))
        if done + pause + frames > count:
            break
        if left == 0:
            shape, colour = _other(rng, shape, SHAPES), _other(rng, colour, tuple(COLOURS))
            shapes.append((done, shape, colour))
            left = int(rng.integers(2, 5))
        found = _next(rng, at, frames, motions=motions, width=width, height=height)
        places.append(np.repeat(at[None], pause, 0))
        if found is None:
            done, left = done + pause, 0
            at = np.array([width / 2, height / 2, rng.uniform(*_RADIUS) * edge], np.float32)
            continue
        label, path = found
        places.append(path)
        begin, done, left = done + pause, done + pause + frames, left - 1
        words = f"a {colour} {shape} {label}"
        actions.append(Action(begin / frames_per_s, done / frames_per_s, label, words))
        at = path[-1]
    places.append(np.repeat(at[None], count - done, 0))
    return Film(
        width, height, frames_per_s, count, tuple(actions), np.concatenate(places), tuple(shapes),
        backdrop(rng, (height, width)), seed,
    )  # fmt: skip


def _other(rng: np.random.Generator, known: str, names: tuple[str, ...]) -> str:
    return str(rng.choice([one for one in names if one != known]))


def _next(
    rng: np.random.Generator, at: Floats, frames: int, *, motions: tuple[str, ...], width: int, height: int
) -> tuple[str, Floats] | None:
    """A motion that goes on from where the sprite is and stays inside, with its path (frames, 3); None if none does."""
    edge = float(min(width, height))
    moments = np.linspace(0, 1, frames + 1, dtype=np.float32)
    zero = np.zeros(1, np.float32)
    for _ in range(_MOST_TRIES):
        name = str(rng.choice(motions))
        reach, angle = np.array([rng.uniform(*_REACH) * edge]), np.array([rng.uniform(0, 2 * np.pi)])
        path = course(
            name, moments, x=zero, y=zero, radius=np.ones(1, np.float32), reach=reach.astype(np.float32),
            angle=angle.astype(np.float32),
        )[0]  # fmt: skip
        moved = at[:2] + path[:, :2] - path[0, :2]
        radius = at[2] * path[:, 2] / path[0, 2]
        near = np.abs(moved - np.array([width, height], np.float32) / 2) + radius[:, None]
        inside = float(near.max()) <= edge / 2
        if inside and _LEAST * edge <= radius[-1] <= _MOST * edge:
            return name, np.column_stack([moved, radius]).astype(np.float32)[1:]
    return None
