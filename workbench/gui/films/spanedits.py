"""What editing does to labelled spans, without widgets; what tiers of sounds can do as well is gui/sounds/tieredits.

A label's track is a tier of its name. Within a track no spans overlap: what is put over others takes them in, what is
drawn or dragged stops at them.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.gui.sounds import tieredits
from workbench.gui.sounds.correcting import Together
from workbench.gui.sounds.tieredits import LEAST_S, Replaced, TierEdit, TiersEdit
from workbench.gui.undo import Edit

Told = Callable[[int, int], object]
HUES = 8
"""Colours of the palette that colour-blind eyes tell apart."""


class Label(msgspec.Struct, frozen=True):
    """A word of the vocabulary and its colour in the palette; its place in the vocabulary is its number key."""

    name: str
    hue: int


def with_label(vocabulary: list[Label], name: str) -> list[Label]:
    """The vocabulary with a name in it, in a colour that the fewest others have."""
    if any(one.name == name for one in vocabulary):
        return vocabulary
    hues = [one.hue for one in vocabulary]
    return [*vocabulary, Label(name, min(range(HUES), key=lambda hue: (hues.count(hue), hue)))]


def keyed(vocabulary: list[Label], name: str, number: int) -> list[Label]:
    """The vocabulary in which a name has this number key (1 to 9); the name that had it takes the other's place."""
    at = next((at for at, one in enumerate(vocabulary) if one.name == name), -1)
    to = min(number, len(vocabulary)) - 1
    if at < 0 or to < 0:
        return vocabulary
    found = list(vocabulary)
    found[at], found[to] = found[to], found[at]
    return found


def track_of(doc: TiersDoc, label: str) -> int:
    """Which track is a label's; -1 for none. Events at a point have one of their own beside it."""
    return next((at for at, tier in enumerate(doc.tiers) if tier.name == label and tier.kind != "points"), -1)


def put(doc: TiersDoc, label: str, start_s: float, end_s: float, told: Told, *, note: str = "") -> Edit | None:
    """Label a stretch, as one step with the label's first track; it becomes one with spans of the label it meets."""
    if end_s - start_s < LEAST_S:
        return None
    track = track_of(doc, label)
    if track < 0:
        track = len(doc.tiers)
        new = Replaced(track, 0, (), (Segment(start_s, end_s, note),), 0)
        edits: list[TiersEdit | TierEdit] = [TierEdit(doc, track, Tier(label), _quiet, comes=True)]
        edits.append(TiersEdit(doc, new, _quiet, text=""))
        return Together(edits, told, (track, 0), f"Label as {label}")
    change = covered(doc, track, start_s, end_s, note)
    return TiersEdit(doc, change, told, text=f"Label as {label}") if change is not None else None


def _quiet(_tier: int, _marked: int) -> None:
    """Together tells, once."""


def covered(doc: TiersDoc, track: int, start_s: float, end_s: float, note: str = "") -> Replaced | None:
    """A span over a stretch, and over all spans of the track that it overlaps."""
    row = doc.tiers[track].segments
    first = bisect.bisect_right(row, start_s, key=lambda one: one.end_s)
    last = bisect.bisect_left(row, end_s, key=lambda one: one.start_s)
    old = row[first:last]
    if not old:
        return Replaced(track, first, (), (Segment(start_s, end_s, note),), first)
    notes = dict.fromkeys(part for part in (*(one.text for one in old), note) if part)
    whole = Segment(min(start_s, old[0].start_s), max(end_s, old[-1].end_s), "; ".join(notes))
    if old == [whole]:
        return None
    return Replaced(track, first, tuple(msgspec.structs.replace(one) for one in old), (whole,), first)


def drawn(doc: TiersDoc, track: int, anchor_s: float, to_s: float) -> Replaced | None:
    """A new span from a free time towards another, up to the spans next to it."""
    row = doc.tiers[track].segments
    if doc.tiers[track].kind == "points" or tieredits.at_time(doc.tiers[track], anchor_s) >= 0:
        return None
    index = bisect.bisect_right(row, anchor_s, key=lambda one: one.start_s)
    low = row[index - 1].end_s if index else 0.0
    high = row[index].start_s if index < len(row) else max(anchor_s, to_s)
    start, end = max(min(anchor_s, to_s), low), min(max(anchor_s, to_s), high)
    return Replaced(track, index, (), (Segment(start, end),), index) if end - start >= LEAST_S else None


def moved(doc: TiersDoc, track: int, index: int, to_s: float, *, end_s: float) -> Replaced | None:
    """A whole span begins elsewhere, between the spans next to it."""
    row = doc.tiers[track].segments
    one = row[index]
    long_s = one.end_s - one.start_s
    low = row[index - 1].end_s if index else 0.0
    high = (row[index + 1].start_s if index + 1 < len(row) else end_s) - long_s
    start = min(max(to_s, low), max(high, low))
    if abs(start - one.start_s) < 1e-9:
        return None
    new = msgspec.structs.replace(one, start_s=start, end_s=start + long_s)
    return Replaced(track, index, (msgspec.structs.replace(one),), (new,), index)


Stepped = Callable[[float, int], float]
"""The edge so many frames before or after the one at a time."""


def edge(
    doc: TiersDoc, track: int, index: int, start: bool, to_s: float, *, end_s: float, stepped: Stepped | None = None
) -> Replaced | None:  # fmt: skip
    """One end of a span elsewhere; an event at a point moves as a whole.

    With `stepped` the span keeps a frame, and so does a neighbour that touches it.
    """
    if doc.tiers[track].kind == "points":
        return moved(doc, track, index, to_s, end_s=end_s)
    if stepped is not None:
        to_s = _leaving_a_frame(doc.tiers[track].segments, index, start, to_s, stepped)
    return tieredits.move_boundary(doc, track, index, start, to_s, end_s=end_s)


def _leaving_a_frame(row: Sequence[Segment], index: int, start: bool, to_s: float, stepped: Stepped) -> float:
    """Where an edge may go without a span that holds no frame; what is shorter already gets no shorter."""
    at_s = row[index].start_s if start else row[index].end_s
    before, after = (index - 1, index) if start else (index, index + 1)
    if after < len(row) and abs(row[after].start_s - at_s) < 1e-9:
        to_s = min(to_s, max(at_s, stepped(row[after].end_s, -1)))
    if before >= 0 and abs(row[before].end_s - at_s) < 1e-9:
        to_s = max(to_s, min(at_s, stepped(row[before].start_s, 1)))
    return to_s


def split(doc: TiersDoc, track: int, at_s: float) -> Replaced | None:
    """Two spans at a time inside one, both with its note."""
    change = tieredits.split(doc, track, at_s)
    if change is None:
        return None
    new = tuple(msgspec.structs.replace(one, text=change.old[0].text) for one in change.new)
    return msgspec.structs.replace(change, new=new)


def noted(doc: TiersDoc, track: int, index: int, note: str) -> Replaced | None:
    """Another note; the score stays what the model gave."""
    one = doc.tiers[track].segments[index]
    if one.text == note:
        return None
    return Replaced(
        track, index, (msgspec.structs.replace(one),), (msgspec.structs.replace(one, text=note),), index
    )  # fmt: skip


def relabelled(doc: TiersDoc, track: int, index: int, label: str, told: Told) -> Edit | None:
    """A span under another label, as one step."""
    if doc.tiers[track].name == label:
        return None
    one = doc.tiers[track].segments[index]
    away = tieredits.delete(doc, track, index)
    back = put(doc, label, one.start_s, one.end_s, _quiet, note=one.text)
    if away is None or back is None:
        return None
    inner = back.edits if isinstance(back, Together) else [back]
    edits = [TiersEdit(doc, away, _quiet, text=""), *(one for one in inner if isinstance(one, TiersEdit | TierEdit))]
    last = edits[-1]
    mark = (last.change.tier, last.change.marked) if isinstance(last, TiersEdit) else (track, -1)
    return Together(edits, told, mark, f"Label as {label}")


def kept_path(edits: Path, digest: str) -> Path:
    """Where the labels of a video are autosaved: by what it holds, wherever it lies."""
    return edits / "films" / f"labels-{digest}.json"


class TracksEdit(Edit):
    """All tracks at once, as when a file is read; `told` hears that none is marked."""

    def __init__(self, doc: TiersDoc, new: Sequence[Tier], told: Told, text: str) -> None:
        super().__init__(text)
        self.doc, self.told = doc, told
        self.old, self.new = list(doc.tiers), list(new)

    @property
    def nbytes(self) -> int:
        return sum(120 * len(tier.segments) for tier in (*self.old, *self.new))

    def forget(self) -> None:
        self.old, self.new = [], []

    def redo(self) -> None:
        self.doc.tiers[:] = self.new
        self.told(0, -1)

    def undo(self) -> None:
        self.doc.tiers[:] = self.old
        self.told(0, -1)
