"""What recognising in a video is asked with and answered by: windows and their scores, saliency, features, finds.

Times are seconds from the first frame; scores are probabilities over the classes of a window, as the model gives
them (they are not calibrated).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from workbench.core.problem import InputError
from workbench.core.words import count, spaced

SOMETHING_ELSE = "something else"
MOST_CLASSES = 1000
MOST_WINDOWS = 200_000
LEAST_STRIDE_S = 0.02
LOWEST_RATE, HIGHEST_RATE = 0.01, 30.0
"""Frames sampled for each second, at least and at most."""
CLASSES_EXPECTED = "at least one class name, one a line"

Family = Literal["image-language", "video-classifier", "run"]


class RecogniserFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model that names what happens; `fixed` ones know their own classes, the others take any words."""

    path: str
    title: str
    family: Family
    note: str = ""
    recipe: str = ""
    classes: tuple[str, ...] = ()
    image_px: int = 0
    """The edge of the pictures it takes; 0 where that is not known."""

    @property
    def fixed(self) -> bool:
        """Whether it knows its own classes only."""
        return self.family != "image-language"


class RecognisingWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A video, a model, and how windows lie: `window_s` long, `stride_s` apart.

    `classes` is for models that take any words. `frames` sampled from each window, the model's own number for 0.
    `first` is the window to go on with, `budget_s` how long to work before others get their turn (0: to the end).
    """

    path: str
    model: str
    classes: tuple[str, ...] = ()
    window_s: float = 1.0
    stride_s: float = 0.5
    start_s: float = 0.0
    end_s: float = 0.0
    frames: int = 0
    first: int = 0
    budget_s: float = 0.0
    device: str = ""


class Recognised(msgspec.Struct, omit_defaults=True):
    """Scores of windows [first, first + len(windows)) of `total`; `lost` ones could not be decoded and stand not here.

    `decode_ms` and `inference_ms` are means for each window.
    """

    classes: tuple[str, ...] = ()
    windows: list[tuple[float, float]] = []
    scores: list[list[float]] = []
    first: int = 0
    reached: int = 0
    total: int = 0
    lost: int = 0
    duration_s: float = 0.0
    decode_ms: float = 0.0
    inference_ms: float = 0.0
    model: str = ""
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every window was seen."""
        return self.reached >= self.total


class FoundSpan(msgspec.Struct, frozen=True):
    """A stretch in which a class stays at or above a threshold; `score` is its mean over the windows."""

    label: str
    start_s: float
    end_s: float
    score: float


class LiveWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The last `window_s` of a ring of camera frames (store/framering.py); `saliency` also asks where."""

    ring: str
    model: str
    classes: tuple[str, ...] = ()
    window_s: float = 1.0
    frames: int = 0
    saliency: bool = False
    device: str = ""


class Saliency(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a model looked: `rows` × `columns` values from 0 to 1, over `box` (left, top, right, bottom as shares
    of the frame: what the model's square crop left of it)."""

    rows: int
    columns: int
    values: list[float]
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    what: str = ""


class LiveAnswer(msgspec.Struct, omit_defaults=True):
    """Scores of the frames up to `sequence`; nothing in `scores` where fewer than one frame has come."""

    sequence: int
    time_s: float
    classes: tuple[str, ...] = ()
    scores: list[float] = []
    read_ms: float = 0.0
    inference_ms: float = 0.0
    saliency: Saliency | None = None


class SaliencyWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where a model looks in the frame at `time_s`: for one of the classes, or (`label` empty) at all."""

    path: str
    model: str
    time_s: float
    classes: tuple[str, ...] = ()
    label: str = ""
    device: str = ""


class FeaturesWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Image vectors of every video below a folder, `rate_per_s` of them for each second."""

    folder: str
    model: str
    rate_per_s: float = 2.0
    budget_s: float = 0.0
    device: str = ""


class FailedVideo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A video that gave no features, or not all: `lost` of its frames could not be decoded."""

    path: str
    why: str
    lost: int = 0


class FeaturesDone(msgspec.Struct, omit_defaults=True):
    """How far the features of a folder are; `made` is what this question computed, the rest was there."""

    videos: int
    ready: int
    features: int
    made: int = 0
    seconds: float = 0.0
    failed: list[FailedVideo] = []
    complete: bool = False


class FindWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Videos of a folder whose features are there, ranked by how well their best moment fits a text."""

    folder: str
    model: str
    text: str
    rate_per_s: float = 2.0
    limit: int = 50
    device: str = ""


class Hit(msgspec.Struct, frozen=True):
    """A video with its best moment; `score` is the cosine between text and image."""

    path: str
    time_s: float
    score: float


class Found(msgspec.Struct, omit_defaults=True):
    """The best first; `missing` videos have no features yet or failed."""

    hits: list[Hit]
    videos: int
    features: int
    missing: int = 0
    search_ms: float = 0.0


class CaptionWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The other way round: which of some captions fits a video, or a stretch of it, best."""

    path: str
    model: str
    captions: tuple[str, ...]
    start_s: float = 0.0
    end_s: float = 0.0
    rate_per_s: float = 2.0
    device: str = ""


class Captioned(msgspec.Struct):
    """Captions with their cosine to the mean image vector, the best first."""

    captions: list[tuple[str, float]]
    frames: int
    notes: tuple[str, ...] = ()


def class_names(text: str | Iterable[str]) -> tuple[str, ...]:
    """Class names from lines (or a list), each once, in their order; blank ones are passed by.

    Raises InputError where none is left, or more than MOST_CLASSES.
    """
    lines = text.splitlines() if isinstance(text, str) else text
    found = tuple(dict.fromkeys(name for line in lines if (name := re.sub(r"\s+", " ", line).strip())))
    if not found:
        raise InputError(
            "There is no class to look for.", expected=CLASSES_EXPECTED, received="no names",
            fix="Write what may happen in the video, one name a line.", field="classes",
        )  # fmt: skip
    if len(found) > MOST_CLASSES:
        raise InputError(
            "These are too many classes.", expected=f"at most {spaced(MOST_CLASSES)} names",
            received=spaced(len(found)),
            fix="Leave out what does not matter, or recognise in two goes.", field="classes",
        )  # fmt: skip
    return found


def windows_of(
    duration_s: float, window_s: float, stride_s: float, start_s: float = 0.0, end_s: float = 0.0
) -> list[tuple[float, float]]:
    """Where windows lie in a video; the last one ends with it, a shorter video is one window.

    Raises InputError where length, stride or stretch make no sense, or there would be more than MOST_WINDOWS.
    """
    end = min(end_s or duration_s, duration_s)
    for name, value, least in (("window_s", window_s, LEAST_STRIDE_S), ("stride_s", stride_s, LEAST_STRIDE_S)):
        if not least <= value < float("inf"):
            raise InputError("Windows cannot lie like this.", expected=f"{least:g} s or more", received=f"{value:g} s",
                             fix="Choose a longer one.", field=name)  # fmt: skip
    if not 0 <= start_s <= end or (start_s == end and duration_s > 0):
        raise InputError(
            "This stretch lies outside the video.", expected=f"from 0 to {duration_s:.3f} s",
            received=f"{start_s:g} to {end_s or duration_s:g} s", fix="Choose a stretch within the video.",
            field="start_s",
        )  # fmt: skip
    room = end - start_s - window_s
    if room <= 1e-9:
        return [(start_s, end)]
    steps = int(room / stride_s + 1e-9)
    if steps > MOST_WINDOWS:
        raise InputError(
            "These are too many windows.", expected=f"at most {spaced(MOST_WINDOWS)}", received=spaced(steps),
            fix="Choose a longer stride, or a part of the video.", field="stride_s",
        )  # fmt: skip
    found = [(start_s + at * stride_s, start_s + at * stride_s + window_s) for at in range(steps + 1)]
    if end - found[-1][1] > 1e-6:
        found.append((end - window_s, end))
    return found


def joined(parts: Sequence[Recognised]) -> Recognised:
    """The answers of questions that went on from each other, as one."""
    if not parts:
        return Recognised()
    last, seen = parts[-1], sum(len(one.windows) for one in parts) or 1
    return msgspec.structs.replace(
        last,
        windows=[one for part in parts for one in part.windows],
        scores=[one for part in parts for one in part.scores],
        first=parts[0].first,
        lost=sum(part.lost for part in parts),
        decode_ms=sum(part.decode_ms * len(part.windows) for part in parts) / seen,
        inference_ms=sum(part.inference_ms * len(part.windows) for part in parts) / seen,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def remarks(found: Recognised, known: Iterable[str] = ()) -> list[str]:
    """What a person should know of an answer, a sentence each: what is lost, then notes, those `known` left out."""
    lost = [f"{count(found.lost, 'window')} could not be decoded and are left out."] if found.lost else []
    said = {one.removesuffix(".") for one in known}
    notes = [one.removesuffix(".") for one in found.notes]
    return lost + [f"{one[:1].upper()}{one[1:]}." for one in notes if one not in said]


def named(scores: Sequence[float], classes: Sequence[str], threshold: float) -> tuple[str, float]:
    """The likeliest class and its score; SOMETHING_ELSE where that is below the threshold."""
    best = max(range(len(scores)), key=scores.__getitem__)
    return (classes[best] if scores[best] >= threshold else SOMETHING_ELSE), scores[best]


def cells(windows: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The stretch that each window speaks for: half-way to the middles of its neighbours, together all of them."""
    middles = [(start + end) / 2 for start, end in windows]
    found = []
    for at, (start, end) in enumerate(windows):
        left = start if at == 0 else (middles[at - 1] + middles[at]) / 2
        right = end if at == len(windows) - 1 else (middles[at] + middles[at + 1]) / 2
        found.append((left, right))
    return found


def spans_above(found: Recognised, threshold: float, *, best_only: bool = True) -> list[FoundSpan]:
    """Stretches of windows next to each other in which a class reaches the threshold, by class and time.

    With `best_only` a class has to be the likeliest of its window, too. A window that was lost ends a stretch.
    """
    stretches = cells(found.windows)
    wide = max((end - start for start, end in found.windows), default=0.0)
    spans: list[FoundSpan] = []
    for at, label in enumerate(found.classes):
        run: list[int] = []
        for number in range(len(found.windows) + 1):
            row = found.scores[number] if number < len(found.windows) else []
            above = bool(row) and row[at] >= threshold and (not best_only or row[at] == max(row))
            gap = bool(run) and above and found.windows[number][0] - found.windows[run[-1]][1] > wide
            if run and (not above or gap):
                mean = sum(found.scores[one][at] for one in run) / len(run)
                spans.append(FoundSpan(label, stretches[run[0]][0], stretches[run[-1]][1], mean))
                run = []
            if above:
                run.append(number)
    return spans
