"""Labelled spans of videos: what files of annotations hold, and how they stand on the tracks of a timeline.

On a timeline every label has a track of its own, a Tier whose segments are the spans: `text` is the note,
`confidence` the score. Times are seconds from the first frame.

The worker's inspectors: `spans` {path, format} reads a file of annotations → LabelFile; `spans-export` {file, out,
format} writes one → LabelsWritten; `video-digest` {path} → the name of a video's content.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.words import spaced

LABEL_FORMATS = {
    "csv": "CSV (label, start_s, end_s, score, note)",
    "activitynet": "ActivityNet JSON",
    "eaf": "ELAN document",
    "elan-tab": "ELAN's tab-delimited text",
    "boris": "BORIS tabular events",
    "kinetics": "Kinetics CSV",
    "ssv2": "Something-Something JSON",
    "charades-sta": "Charades-STA lines",
    "list": "list of videos with their labels",
    "srt": "subtitles",
}
"""Every format by its name, in words."""
LABEL_SUFFIXES = (".csv", ".tsv", ".json", ".eaf", ".txt", ".lst", ".srt")
CUT_BYTES, PIECES = 64 << 20, 64
EDGE_S = 0.05
"""Annotations are written with two decimals, or by players whose clock runs a frame late: an end this little past the
video's is meant to be its end."""


class LabelledSpan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch [start_s, end_s) with a label; None is the video's end; equal times are an event at a point.

    `score` runs from 0 to 1; 1 where nothing is known.
    """

    label: str
    start_s: float = 0.0
    end_s: float | None = None
    score: float = 1.0
    note: str = ""


class AnnotatedVideo(msgspec.Struct, omit_defaults=True):
    """A video as a file of annotations names it: a path, a file's name, or an id; empty where it names none."""

    name: str = ""
    spans: list[LabelledSpan] = []
    duration_s: float = 0.0
    split: str = ""
    url: str = ""


class LabelFile(msgspec.Struct, omit_defaults=True):
    """What a file of annotations holds.

    `labels` are those it declares, in its order, whether used or not; `taxonomy` is ActivityNet's; `notes` tell what
    was found that could not be kept.
    """

    format: str = ""
    videos: list[AnnotatedVideo] = []
    labels: tuple[str, ...] = ()
    taxonomy: list[dict[str, Any]] = []
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many spans there are."""
        return sum(len(video.spans) for video in self.videos)

    def of(self, path: Path) -> AnnotatedVideo | None:
        """What is said of a video file, by its name, with or without its ending; the only one where it has no name."""
        named = {path.name.lower(), path.stem.lower(), f"v_{path.stem}".lower(), path.stem.lower().removeprefix("v_")}
        found = [one for one in self.videos if one.name and Path(one.name.replace("\\", "/")).name.lower() in named]
        found = found or [
            one for one in self.videos if one.name and Path(one.name.replace("\\", "/")).stem.lower() in named
        ]
        found = found or [one for one in self.videos if not one.name]
        if not found:
            return None
        return AnnotatedVideo(
            found[0].name, [span for one in found for span in one.spans], found[0].duration_s, found[0].split,
            found[0].url,
        )  # fmt: skip


class LabelsWritten(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of `spans-export`: where, how many spans, and what the format could not hold."""

    path: str
    spans: int
    notes: tuple[str, ...] = ()


def counted(number: int, noun: str, more: str = "s") -> str:
    """'1 span', '1\\u202f200 spans'."""
    return f"{spaced(number)} {noun}{more if number != 1 else ''}"


def within(
    spans: Iterable[LabelledSpan], duration_s: float, *, edge_s: float = EDGE_S
) -> tuple[list[LabelledSpan], list[str]]:
    """Spans that lie in a video, and what to tell of the others: those are kept out, never cut.

    An end that is past the video's by no more than `edge_s` is put there, and told.
    """
    kept: list[LabelledSpan] = []
    outside: list[LabelledSpan] = []
    moved = 0
    for one in spans:
        end = duration_s if one.end_s is None else one.end_s
        if one.start_s < 0 or end > duration_s + edge_s or one.start_s >= duration_s:
            outside.append(one)
            continue
        moved += end > duration_s
        kept.append(msgspec.structs.replace(one, end_s=min(end, duration_s)))
    notes = []
    if outside:
        first = outside[0]
        end_words = "the end" if first.end_s is None else f"{first.end_s:g}"
        notes.append(
            f"{counted(len(outside), 'annotation')} outside the video (0 to {duration_s:.3f} s) left out; the first is "
            f"{first.label!r}, {first.start_s:g} to {end_words} s"
        )
    if moved:
        notes.append(f"{counted(moved, 'end')} up to {edge_s:g} s past the video's end put on it")
    return kept, notes


def tracks_of(
    spans: Iterable[LabelledSpan], labels: Sequence[str] = (), *, title: str = ""
) -> tuple[TiersDoc, list[str]]:
    """A track for each label, and what to tell: spans of one label that overlap are joined, for a track holds none.

    Spans need ends (see `within`). Events at a point make a track of points; where a label has both, its points go to
    a track of their own.
    """
    found: dict[tuple[str, bool], list[LabelledSpan]] = {(label, False): [] for label in labels}
    for one in spans:
        found.setdefault((one.label, one.start_s == one.end_s), []).append(one)
    tiers, joined = [], 0
    for (label, points), rows in found.items():
        segments: list[Segment] = []
        for one in sorted(rows, key=lambda row: (row.start_s, row.end_s or 0.0)):
            end = one.start_s if one.end_s is None else one.end_s
            if segments and (one.start_s < segments[-1].end_s or (points and one.start_s == segments[-1].start_s)):
                joined += 1
                last = segments[-1]
                last.end_s, last.confidence = max(last.end_s, end), max(last.confidence, one.score)
                last.text = "; ".join(dict.fromkeys(part for part in (last.text, one.note) if part))
            else:
                segments.append(Segment(one.start_s, end, one.note, "", one.score))
        tiers.append(Tier(label, "points" if points else "segments", segments))
    # A label that was only declared needs no empty track of spans beside its points.
    pointed = {tier.name for tier in tiers if tier.kind == "points"}
    tiers = [tier for tier in tiers if tier.segments or tier.name not in pointed]
    notes = (
        [f"{counted(joined, 'span')} overlapped another of the same label and were joined with it"] if joined else []
    )
    return TiersDoc(tiers, title=title), notes


def spans_of(doc: TiersDoc) -> list[LabelledSpan]:
    """The spans of all tracks, in order of time."""
    found = (
        LabelledSpan(tier.name, one.start_s, one.end_s, one.confidence, one.text)
        for tier in doc.tiers for one in tier.segments
    )  # fmt: skip
    return sorted(found, key=lambda one: (one.start_s, one.end_s or 0.0, one.label))


def content_digest(path: Path) -> str:
    """A name for what a file holds, wherever it lies and whatever it is called: 32 hexadecimal digits.

    Files over 64 MiB are read at 64 places spread evenly, with their size: frames differ there wherever videos do.
    Raises OSError.
    """
    size = path.stat().st_size
    found = hashlib.blake2b(str(size).encode(), digest_size=16)
    with path.open("rb") as file:
        if size <= CUT_BYTES:
            for piece in iter(lambda: file.read(1 << 20), b""):
                found.update(piece)
        else:
            for at in range(PIECES):
                file.seek((size - (1 << 20)) * at // (PIECES - 1))
                found.update(file.read(1 << 20))
    return found.hexdigest()


def totals(doc: TiersDoc) -> dict[str, tuple[int, float]]:
    """How many spans each label has, and how long they are together in seconds."""
    found: dict[str, tuple[int, float]] = {}
    for name, tiers in itertools.groupby(sorted(doc.tiers, key=lambda one: one.name), key=lambda one: one.name):
        spans = [one for tier in tiers for one in tier.segments]
        found[name] = (len(spans), sum(one.end_s - one.start_s for one in spans))
    return found
