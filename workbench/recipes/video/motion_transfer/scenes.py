"""The generated motions: what moves where in a clip, of every fine class of `taxonomy.DRAWN`.

Places and radii are shares of the frame's edge, y points down, and time runs from 0 to 1 over the clip.
"""

from __future__ import annotations

import colorsys
import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Chance = np.random.Generator

EDGE = 0.16
"""Objects keep this far from the frame's edge where they stand still."""
APART = 0.26
"""Objects that stand still are at least this far apart."""


@dataclasses.dataclass(frozen=True)
class Track:
    """An object over T frames: places (T, 2) as (x, y), radii (T,), 0 where it is not there, colours (T, 3) 0 to 1."""

    places: Floats
    radii: Floats
    colours: Floats


@dataclasses.dataclass(frozen=True)
class Made:
    """What a motion draws from: chance, frames, and the hue of the clip's first object; of all where `tied`."""

    chance: Chance
    frames: int
    hue: float
    tied: bool = False

    @property
    def times(self) -> Floats:
        """Time of every frame, 0 to 1."""
        return np.linspace(0.0, 1.0, self.frames)

    def between(self, low: float, high: float) -> float:
        """A number drawn between two."""
        return float(self.chance.uniform(low, high))

    def colour(self, *, first: bool = True) -> Floats:
        """A jittered colour (3,): of the clip's hue, or of any other where it is not the first object's."""
        other = float(self.chance.uniform())  # in any case, so that the motion is the same whatever is tied
        hue = self.hue if first or self.tied else other
        return np.array(colorsys.hsv_to_rgb(hue, self.between(0.75, 1.0), self.between(0.8, 1.0)))

    def spots(self, count: int) -> Floats:
        """Places (count, 2) for objects that stand still, apart from each other."""
        found: list[Floats] = []
        for _ in range(1000):
            spot = self.chance.uniform(EDGE, 1 - EDGE, 2)
            if all(np.linalg.norm(spot - one) >= APART for one in found):
                found.append(spot)
            if len(found) == count:
                return np.stack(found)
        raise RuntimeError("objects that stand apart fit into no frame")

    def still(self, spot: Floats) -> Floats:
        """A place (2,) at all times, (T, 2)."""
        return np.repeat(spot[None], self.frames, 0)

    def track(self, places: Floats, radii: Floats | float | None = None, *, first: bool = True,
              colours: Floats | None = None) -> Track:  # fmt: skip
        """An object of one colour and, unless told, one size."""
        size = self.between(0.085, 0.125) if radii is None else radii
        many = np.repeat(self.colour(first=first)[None], self.frames, 0) if colours is None else colours
        return Track(places, np.broadcast_to(np.asarray(size, float), (self.frames,)).copy(), many)


# Appearing, growing ------------------------------------------------------------------------------


def _appearing(made: Made, onsets: list[float]) -> list[Track]:
    """Objects that are there from a time on."""
    return [
        made.track(made.still(spot), np.where(made.times >= onset, made.between(0.085, 0.125), 0.0), first=at == 0)
        for at, (spot, onset) in enumerate(zip(made.spots(len(onsets)), onsets, strict=True))
    ]


def _one_appears(made: Made) -> list[Track]:
    return _appearing(made, [made.between(0.3, 0.7)])


def _three_appear(made: Made) -> list[Track]:
    return _appearing(made, [made.between(0.3, 0.7)] * 3)


def _one_by_one(made: Made) -> list[Track]:
    return _appearing(made, [made.between(0.1, 0.25), made.between(0.4, 0.55), made.between(0.7, 0.85)])


def _among_two(made: Made) -> list[Track]:
    return _appearing(made, [made.between(0.3, 0.7)] * 2 + [0.0, 0.0])


def _growing(made: Made, sizes: list[tuple[float, float]], *, back: bool) -> list[Track]:
    """Objects whose radius goes from one size to another, or the other way round."""
    tracks = []
    for at, (spot, (low, high)) in enumerate(zip(made.spots(len(sizes)), sizes, strict=True)):
        radii = low + (high - low) * made.times
        tracks.append(made.track(made.still(spot), radii[::-1] if back else radii, first=at == 0))
    return tracks


def _little(made: Made) -> tuple[float, float]:
    low = made.between(0.06, 0.08)
    return low, low * made.between(1.7, 2.0)


def _lot(made: Made) -> tuple[float, float]:
    return made.between(0.03, 0.05), made.between(0.22, 0.28)


def _grows(sizes: Callable[[Made], list[tuple[float, float]]], *, back: bool) -> Callable[[Made], list[Track]]:
    return lambda made: _growing(made, sizes(made), back=back)


_SIZES: tuple[Callable[[Made], list[tuple[float, float]]], ...] = (
    lambda made: [_little(made)],
    lambda made: [_little(made), _little(made)],
    lambda made: [_lot(made)],
    lambda made: [_little(made), (made.between(0.03, 0.05), made.between(0.18, 0.22))],
)


# Going somewhere ---------------------------------------------------------------------------------


def _along(made: Made, xs: Floats, ys: Floats) -> list[Track]:
    return [made.track(np.stack([np.broadcast_to(xs, ys.shape), ys], 1))]


def _down(made: Made) -> Floats:
    return np.linspace(made.between(0.08, 0.2), made.between(0.8, 0.92), made.frames)


def _dropped(made: Made, kind: str, *, up: bool) -> list[Track]:
    """One object that goes down (or up): straight, in a zigzag, obliquely or along a curve."""
    ys = _down(made)[::-1] if up else _down(made)
    side = made.chance.choice([-1.0, 1.0])
    if kind == "straight":
        return _along(made, np.array(made.between(0.2, 0.8)), ys)
    if kind == "zigzag":
        wave = 2 * np.abs(2 * ((made.times * 2 + made.between(0, 1)) % 1) - 1) - 1
        return _along(made, made.between(0.4, 0.6) + made.between(0.15, 0.22) * wave, ys)
    shift = made.between(0.35, 0.5) * side
    bend = made.times if kind == "oblique" else made.times**2 if made.chance.integers(2) else np.sqrt(made.times)
    return _along(made, 0.5 - shift / 2 + made.between(-0.08, 0.08) + shift * bend, ys)


def _drops(kind: str, *, up: bool) -> Callable[[Made], list[Track]]:
    return lambda made: _dropped(made, kind, up=up)


def _across(made: Made) -> Floats:
    return np.linspace(made.between(0.08, 0.2), made.between(0.8, 0.92), made.frames)


def _level(made: Made, low: float = 0.2, high: float = 0.8) -> Floats:
    return np.full(made.frames, made.between(low, high))


def _to_the_right(made: Made) -> list[Track]:
    return _along(made, _across(made), _level(made))


def _to_the_left(made: Made) -> list[Track]:
    return _along(made, _across(made)[::-1], _level(made))


def _there_and_back(made: Made) -> list[Track]:
    turn = np.abs(2 * made.times - 1)
    first, last = made.between(0.08, 0.2), made.between(0.8, 0.92)
    return _along(made, last + (first - last) * turn, _level(made))


def _past_each_other(made: Made) -> list[Track]:
    high = _level(made, 0.2, 0.4), _level(made, 0.6, 0.8)
    return [
        made.track(np.stack([_across(made), high[0]], 1)),
        made.track(np.stack([_across(made)[::-1], high[1]], 1), first=False),
    ]


def _orbit(made: Made, angles: Floats, flat: float = 1.0) -> list[Track]:
    """One object on a circle, or on an ellipse that is flat."""
    centre, radius = made.chance.uniform(0.45, 0.55, 2), made.between(0.24, 0.3)
    turned = angles + made.between(0, 2 * np.pi)
    return [made.track(centre + radius * np.stack([np.cos(turned), flat * np.sin(turned)], 1))]


def _circle(made: Made) -> list[Track]:
    return _orbit(made, 2 * np.pi * made.between(0.9, 1.2) * made.times)


def _turning_back(made: Made) -> list[Track]:
    return _orbit(made, 2 * np.pi * made.between(0.6, 0.8) * (1 - np.abs(2 * made.times - 1)))


def _counter(made: Made) -> list[Track]:
    return _orbit(made, -2 * np.pi * made.between(0.9, 1.2) * made.times)


def _flat(made: Made) -> list[Track]:
    return _orbit(made, 2 * np.pi * made.between(0.9, 1.2) * made.times, made.between(0.3, 0.45))


def _followed(made: Made, followers: int, angle: float, winding: float = 0.0) -> list[Track]:
    """An object with others behind it on its path, towards an angle in degrees."""
    turn = np.deg2rad(angle + made.between(-15, 15))
    ahead, aside = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    middle, phase = made.chance.uniform(0.42, 0.58, 2), made.between(0, 2 * np.pi)
    gap = made.between(0.22, 0.27)
    tracks = []
    for at in range(followers + 1):
        along = (made.times - 0.5) * 0.55 + gap * (followers / 2 - at)
        path = middle + along[:, None] * ahead + (winding * np.sin(along * 12 + phase))[:, None] * aside
        tracks.append(made.track(path, made.between(0.07, 0.1), first=at == 0))
    return tracks


# Colours, jumps ----------------------------------------------------------------------------------


def _coloured(made: Made, hues: Floats, values: Floats) -> list[Track]:
    """One object that stands still while its colour changes."""
    colours = np.array([colorsys.hsv_to_rgb(hue % 1, 0.9, value) for hue, value in zip(hues, values, strict=True)])
    return [made.track(made.still(made.spots(1)[0]), made.between(0.1, 0.16), colours=colours)]


def _rainbow(made: Made) -> list[Track]:
    return _coloured(made, made.hue + made.between(0.8, 1.2) * made.times, np.ones(made.frames))


def _darkening(made: Made) -> list[Track]:
    return _coloured(made, np.full(made.frames, made.hue), np.linspace(1.0, made.between(0.15, 0.3), made.frames))


def _brightening(made: Made) -> list[Track]:
    return _coloured(made, np.full(made.frames, made.hue), np.linspace(made.between(0.15, 0.3), 1.0, made.frames))


def _colour_and_back(made: Made) -> list[Track]:
    turn = 1 - np.abs(2 * made.times - 1)
    return _coloured(made, made.hue + made.between(0.35, 0.5) * turn, np.ones(made.frames))


def _held(made: Made, count: int) -> NDArray[np.int64]:
    """Which of `count` stays each frame belongs to, (T,)."""
    return np.minimum((made.times * count).astype(np.int64), count - 1)


def _teleports(made: Made) -> list[Track]:
    return [made.track(made.spots(4)[_held(made, 4)])]


def _beside_a_fixed_one(made: Made) -> list[Track]:
    spots = made.spots(5)
    return [made.track(spots[_held(made, 4)]), made.track(made.still(spots[4]), first=False)]


def _four_teleport(made: Made) -> list[Track]:
    spots, stays = made.spots(4), _held(made, 4)
    return [made.track(spots[(stays + at) % 4], made.between(0.085, 0.11), first=at == 0) for at in range(4)]


def _leaves_a_neighbour(made: Made) -> list[Track]:
    home, far = made.spots(2)
    turn = made.between(0, 2 * np.pi)
    beside = np.clip(home + 0.2 * np.array([np.cos(turn), np.sin(turn)]), 0.1, 0.9)
    gone = made.times >= made.between(0.3, 0.7)
    return [made.track(np.where(gone[:, None], far, beside)), made.track(made.still(home), first=False)]


SCENES: dict[str, tuple[Callable[[Made], list[Track]], ...]] = {
    "appearing": (_one_appears, _three_appear, _one_by_one, _among_two),
    "expanding": tuple(_grows(one, back=False) for one in _SIZES),
    "shrinking": tuple(_grows(one, back=True) for one in _SIZES),
    "falling": tuple(_drops(one, up=False) for one in ("straight", "zigzag", "oblique", "curve")),
    "rising": tuple(_drops(one, up=True) for one in ("straight", "zigzag", "oblique", "curve")),
    "moving": (_to_the_right, _there_and_back, _to_the_left, _past_each_other),
    "orbiting": (_circle, _turning_back, _counter, _flat),
    "following": (
        lambda made: _followed(made, 1, -20), lambda made: _followed(made, 2, -20),
        lambda made: _followed(made, 1, -20, 0.1), lambda made: _followed(made, 1, 160),
    ),
    "colour change": (_rainbow, _darkening, _brightening, _colour_and_back),
    "teleporting": (_teleports, _beside_a_fixed_one, _four_teleport, _leaves_a_neighbour),
}  # fmt: skip
"""How each variant of each coarse motion is made, in the order of `taxonomy.DRAWN`."""
