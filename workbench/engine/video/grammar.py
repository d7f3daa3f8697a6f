"""Scenes of several sprites with sentences about them: captions, questions with answers, and moments to find.

The video grammar of paper 29's desk-size experiment over the motions of paper 05. Answers are drawn independently of
the question's wording, so that who reads questions alone stays at chance; moments are drawn independently of the query.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .motions import MOTIONS, REACH, balanced, boxes_of, course, room, tints
from .sprites import COLOURS, NOISE, SHAPES, Floats, backdrops, noisy, paint

STANDS = "stands still"
NUMBERS = ("one", "two", "three")
ANSWERS: dict[str, tuple[str, ...]] = {"which shape": SHAPES, "what motion": MOTIONS, "how many": NUMBERS}
"""Kinds of question, and what may be answered; answers of a kind are equally frequent."""
SHORTEST_ACTION = 5
"""Frames that an action of a longer clip takes at least."""
_RADIUS, _TRIES, _PORTION = (0.09, 0.13), 6, 64
_AWAY = -9.0


@dataclasses.dataclass(frozen=True)
class Actor:
    """One sprite of a scene and what it does: names out of SHAPES, COLOURS, MOTIONS (or STANDS)."""

    shape: str
    colour: str
    motion: str

    @property
    def words(self) -> str:
        """'a red circle moves right'."""
        return f"a {self.colour} {self.shape} {self.motion}"


@dataclasses.dataclass(frozen=True)
class SceneSet:
    """N clips of one to three sprites, with a sentence each."""

    frames: NDArray[np.uint8]
    """(N, T, H, W, 3)"""
    captions: list[str]
    actors: list[tuple[Actor, ...]]
    """Who is in each scene, in the order of its caption and its boxes; no two share a shape or a colour."""
    boxes: Floats
    """(N, T, sprites, 4): left, top, right, bottom in pixels; nan where a scene has fewer sprites."""

    def __len__(self) -> int:
        return len(self.frames)


@dataclasses.dataclass(frozen=True)
class QuestionSet(SceneSet):
    """Scenes with a question each, its kind (of ANSWERS) and its answer."""

    questions: list[str]
    kinds: list[str]
    answers: list[str]


@dataclasses.dataclass(frozen=True)
class MomentSet:
    """N longer clips in which sprites do one thing after another, with a query for one of those actions.

    It lies in frames `start` to `end`, the latter no longer in it.
    """

    frames: NDArray[np.uint8]
    """(N, T, H, W, 3)"""
    queries: list[str]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    asked: NDArray[np.int64]
    """(N,) the sprite that the query is about."""
    boxes: Floats
    """(N, T, sprites, 4): left, top, right, bottom in pixels."""
    actions: list[list[list[tuple[int, int, str]]]]
    """Per clip and sprite: start, end and words of all its actions."""

    def __len__(self) -> int:
        return len(self.frames)


def scenes(count: int, seed: int, *, frames: int = 8, size: int = 32, most: int = 3, noise: float = NOISE) -> SceneSet:
    """`count` scenes of 1 to `most` sprites, each number as frequent, all moving in ways of their own."""
    if not 1 <= most <= 3:
        raise ValueError(f"a scene has one to three sprites, not {most}")
    rng = np.random.default_rng([seed, 31])
    numbers = balanced(rng, count, most) + 1
    first = balanced(rng, count, len(MOTIONS))
    casts = [_cast(rng, int(number), motions=(MOTIONS[motion],)) for number, motion in zip(numbers, first, strict=True)]
    casts = [tuple(cast[one] for one in rng.permutation(len(cast))) for cast in casts]
    found, boxes = _filmed(rng, casts, frames, size, noise)
    return SceneSet(found, [sentence(cast) for cast in casts], casts, boxes)


def sentence(cast: Sequence[Actor]) -> str:
    """'a red circle moves right while a blue square grows and a cyan ring moves up'."""
    return cast[0].words + "".join(
        (" while " if at == 0 else " and ") + actor.words for at, actor in enumerate(cast[1:])
    )


def questions(
    count: int, seed: int, *, frames: int = 8, size: int = 32, kinds: Sequence[str] = tuple(ANSWERS),
    noise: float = NOISE,
) -> QuestionSet:  # fmt: skip
    """`count` scenes with a question: "which shape moves left?", "what does the red one do?", "how many move?".

    Kinds are equally frequent. Within a kind, every wording comes with every answer equally often, as far as the count
    allows. Two or three sprites are to be seen, independently of the answer; three where they are to be counted.
    """
    if not kinds or {*kinds} - {*ANSWERS}:
        raise ValueError(f"kinds of question are {', '.join(ANSWERS)}, not {', '.join(kinds) or 'none'}")
    rng = np.random.default_rng([seed, 37])
    kind = balanced(rng, count, len(kinds))
    asked: list[tuple[str, str, tuple[Actor, ...]]] = [("", "", ())] * count
    for at, name in enumerate(kinds):
        chosen = np.flatnonzero(kind == at)
        both = balanced(rng, len(chosen), len(ANSWERS[name]) * _wordings(name))
        for place, pair in zip(chosen, both, strict=True):
            wording, answer = divmod(int(pair), len(ANSWERS[name]))
            asked[place] = _question(rng, name, wording, ANSWERS[name][answer])
    casts = [tuple(cast[one] for one in rng.permutation(len(cast))) for _, _, cast in asked]
    found, boxes = _filmed(rng, casts, frames, size, noise)
    return QuestionSet(
        found, [sentence(cast) for cast in casts], casts, boxes, [one[0] for one in asked],
        [kinds[one] for one in kind], [one[1] for one in asked],
    )  # fmt: skip


def moments(
    count: int, seed: int, *, frames: int = 24, size: int = 32, sprites: int = 1, noise: float = NOISE
) -> MomentSet:
    """`count` clips of two or three consecutive actions per sprite, without a cut between them, and a query for one.

    The queried motion and its place among the actions are balanced and independent of each other. With `sprites` of 2
    or 3 all act at once, and the query names one by its colour and shape. Raises ValueError where `frames` are too few
    for three actions of SHORTEST_ACTION frames.
    """
    if frames < 3 * SHORTEST_ACTION or not 1 <= sprites <= 3:
        raise ValueError(f"moments need {3 * SHORTEST_ACTION} frames or more and one to three sprites")
    rng = np.random.default_rng([seed, 41])
    motion, place = divmod(balanced(rng, count, len(MOTIONS) * 6), 6)
    asked = rng.integers(0, sprites, count)
    at = np.empty((count, frames, sprites, 3), np.float32)
    casts, actions = [], []
    start, end = np.empty(count, np.int64), np.empty(count, np.int64)
    for clip in range(count):
        cast = _cast(rng, sprites, motions=())
        does: list[list[tuple[int, int, str]]] = []
        for one, actor in enumerate(cast):
            # Of six equally frequent cases three have two actions of which either is asked for, the rest three.
            parts = 2 if place[clip] < 3 else 3
            names = list(rng.permutation(MOTIONS)[:parts])
            mine = int(place[clip] % 3) if parts == 3 else int(rng.integers(0, 2))
            if one == asked[clip]:
                wanted = MOTIONS[motion[clip]]
                if wanted in names:
                    names[names.index(wanted)] = names[mine]
                names[mine] = wanted
            cuts = _cuts(rng, frames, parts)
            at[clip, :, one] = _walk(rng, names, cuts)
            spans = [(int(a), int(b), f"a {actor.colour} {actor.shape} {name}") for a, b, name in
                     zip(cuts, cuts[1:], names, strict=False)]  # fmt: skip
            does.append(spans)
            if one == asked[clip]:
                start[clip], end[clip] = cuts[mine], cuts[mine + 1]
        casts.append(cast)
        actions.append(does)
    found, boxes = _drawn(rng, casts, at, size, noise)
    queries = [next(words for a, _, words in actions[clip][asked[clip]] if a == start[clip]) for clip in range(count)]
    return MomentSet(found, queries, start, end, asked, boxes, actions)


def _wordings(kind: str) -> int:
    return {"which shape": len(MOTIONS), "what motion": len(COLOURS), "how many": 1}[kind]


def _question(rng: np.random.Generator, kind: str, wording: int, answer: str) -> tuple[str, str, tuple[Actor, ...]]:
    """A question, its answer and a cast of which it is true."""
    number = int(rng.integers(2, 4))
    if kind == "which shape":
        motion = MOTIONS[wording]
        return f"which shape {motion}?", answer, _cast(rng, number, shapes=(answer,), motions=(motion,))
    if kind == "what motion":
        colour = tuple(COLOURS)[wording]
        cast = _cast(rng, number, colours=(colour,), motions=(answer,))
        return f"what does the {colour} one do?", answer, cast
    moving = NUMBERS.index(answer) + 1
    cast = _cast(rng, 3, motions=())
    still = tuple(dataclasses.replace(actor, motion=STANDS) for actor in cast[moving:])
    return "how many move?", answer, (*cast[:moving], *still)


def _cast(
    rng: np.random.Generator, number: int, *, shapes: Sequence[str] = (), colours: Sequence[str] = (),
    motions: Sequence[str] = (),
) -> tuple[Actor, ...]:  # fmt: skip
    """`number` actors that differ in shape, colour and motion; what is given belongs to the first ones."""
    picked = [
        [*given, *(one for one in rng.permutation(names).tolist() if one not in given)]
        for given, names in ((shapes, SHAPES), (colours, tuple(COLOURS)), (motions, MOTIONS))
    ]
    return tuple(Actor(*(names[at] for names in picked)) for at in range(number))


def _filmed(
    rng: np.random.Generator, casts: Sequence[Sequence[Actor]], frames: int, size: int, noise: float
) -> tuple[NDArray[np.uint8], Floats]:
    """Scenes played by their casts, each on a path of its own, and their boxes."""
    at = np.full((len(casts), frames, max(len(cast) for cast in casts), 3), _AWAY, np.float32)
    moments_of = np.linspace(0, 1, frames, dtype=np.float32)
    for clip, cast in enumerate(casts):
        for one, actor in enumerate(cast):
            tried = _paths(rng, actor.motion, moments_of)
            others = at[clip, None, :, :one]
            apart = np.linalg.norm(tried[:, :, None, :2] - others[..., :2], axis=-1) - others[..., 2]
            best = apart.reshape(len(tried), -1).min(1).argmax() if one else 0
            at[clip, :, one] = tried[best]
    return _drawn(rng, casts, at, size, noise)


def _paths(rng: np.random.Generator, motion: str, moments_of: Floats) -> Floats:
    """Some paths of one sprite, (tries, T, 3), of which the one that keeps clear of others is taken."""
    radius, reach = (rng.uniform(*span, _TRIES).astype(np.float32) for span in (_RADIUS, REACH))
    angle, x, y = rng.uniform(0, 1, (3, _TRIES)).astype(np.float32)
    named = MOTIONS[-1] if motion == STANDS else motion
    edge_x, edge_y = room(named, radius, reach)
    return course(
        named, np.full_like(moments_of, 0.5) if motion == STANDS else moments_of, radius=radius, reach=reach,
        x=edge_x + x * (1 - 2 * edge_x), y=edge_y + y * (1 - 2 * edge_y), angle=angle * np.float32(2 * np.pi),
    )  # fmt: skip


def _cuts(rng: np.random.Generator, frames: int, parts: int) -> NDArray[np.int64]:
    """Where actions begin and the last one ends: parts + 1 places, SHORTEST_ACTION or more between them."""
    spare = frames - parts * SHORTEST_ACTION
    inner = np.sort(rng.integers(0, spare + 1, parts - 1)) + SHORTEST_ACTION * np.arange(1, parts)
    return np.array([0, *inner, frames])


def _walk(rng: np.random.Generator, motions: Sequence[str], cuts: NDArray[np.int64]) -> Floats:
    """One sprite doing one thing after another, (T, 3), put where the whole way stays inside the picture."""
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    way, size_of = [np.zeros((1, 2), np.float32)], [one]
    for name, a, b in zip(motions, cuts, cuts[1:], strict=False):
        moments_of = np.linspace(0, 1, b - a + 1, dtype=np.float32)
        reach, angle = rng.uniform(0.24, 0.32, 1).astype(np.float32), rng.uniform(0, 2 * np.pi, 1).astype(np.float32)
        part = course(name, moments_of, x=zero, y=zero, radius=one, reach=reach, angle=angle)[0]
        way.append(way[-1][-1] + part[1:, :2] - part[0, :2])
        size_of.append(size_of[-1][-1] * part[1:, 2] / part[0, 2])
    path, factor = np.concatenate(way)[:-1], np.concatenate(size_of)[:-1]
    # The largest and the smallest stay alike far from the usual radius, whatever grows or shrinks.
    radius = factor * np.float32(rng.uniform(*_RADIUS) / np.sqrt(factor.max() * factor.min()))
    path *= min(1.0, 0.99 * (1 - 2 * float(radius.max())) / max(float(np.ptp(path, axis=0).max()), 1e-6))
    low = (radius[:, None] - path).max(0)
    high = (1 - radius[:, None] - path).min(0)
    offset = low + rng.random(2, np.float32) * (high - low)
    return np.column_stack([path + offset, radius]).astype(np.float32)


def _drawn(
    rng: np.random.Generator, casts: Sequence[Sequence[Actor]], at: Floats, size: int, noise: float
) -> tuple[NDArray[np.uint8], Floats]:
    """Frames (N, T, size, size, 3) of sprites at shares of the edge (N, T, sprites, 3), and their boxes in pixels."""
    count, frames, sprites = at.shape[:3]
    found = np.empty((count, frames, size, size, 3), np.uint8)
    placed = at * np.float32(size)
    nobody = Actor(SHAPES[0], next(iter(COLOURS)), STANDS)
    full = [[*cast, *[nobody] * (sprites - len(cast))] for cast in casts]
    for first in range(0, count, _PORTION):
        part = slice(first, first + _PORTION)
        canvas = np.repeat(backdrops(rng, len(full[part]), size)[:, None], frames, 1)
        flat = canvas.reshape(-1, size, size, 3)
        for one in range(sprites):
            names = [cast[one].shape for cast in full[part] for _ in range(frames)]
            rgb = np.repeat(tints(rng, [cast[one].colour for cast in full[part]]), frames, 0)
            paint(flat, names, rgb, placed[part, :, one].reshape(-1, 3))
        found[part] = noisy(canvas, rng, noise)
    boxes = boxes_of(placed)
    for clip, cast in enumerate(casts):
        boxes[clip, :, len(cast) :] = np.nan
    return found, boxes
