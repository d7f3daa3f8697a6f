"""What editing does to tiers, without widgets: every edit replaces a run of neighbouring segments by others."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.problem import InputError
from workbench.gui.labelledits import write_whole
from workbench.gui.undo import Edit

_SEEN: dict[Path, str] = {}
"""Digests of what this process last read from, or wrote to, the files that it keeps tiers in."""
LEAST_S = 0.001
"""No segment gets shorter by dragging."""


class Replaced(msgspec.Struct, frozen=True):
    """Segments [first, first + len(old)) of a tier become `new`; `marked` is the segment to be marked then."""

    tier: int
    first: int
    old: tuple[Segment, ...]
    new: tuple[Segment, ...]
    marked: int = -1


class TiersEdit(Edit):
    """A replacement as an undo step; edits with the same `drag` (not 0) are one."""

    def __init__(
        self, doc: TiersDoc, change: Replaced, told: Callable[[int, int], object], *, text: str, drag: int = 0
    ) -> None:
        super().__init__(text)
        self.doc, self.change, self.told, self.drag = doc, change, told, drag

    @property
    def nbytes(self) -> int:
        return sum(120 + 2 * len(one.text) for one in (*self.change.old, *self.change.new))

    def id(self) -> int:
        return 3 if self.drag else -1

    def mergeWith(self, other: object) -> bool:
        if not isinstance(other, TiersEdit) or other.drag != self.drag or other.doc is not self.doc:
            return False
        mine, its = self.change, other.change
        if (mine.tier, mine.first, len(mine.new)) != (its.tier, its.first, len(its.old)):
            return False
        self.change = msgspec.structs.replace(mine, new=its.new)
        return True

    def redo(self) -> None:
        self._put(self.change.new, len(self.change.old))

    def undo(self) -> None:
        self._put(self.change.old, len(self.change.new))

    def _put(self, segments: Sequence[Segment], instead_of: int) -> None:
        change = self.change
        whole = self.doc.tiers[change.tier].segments
        whole[change.first : change.first + instead_of] = [msgspec.structs.replace(one) for one in segments]
        self.told(change.tier, change.marked if segments is change.new else change.first)


class TierEdit(Edit):
    """A whole tier that comes or goes at a place among the tiers."""

    def __init__(self, doc: TiersDoc, at: int, tier: Tier, told: Callable[[int, int], object], *, comes: bool) -> None:
        super().__init__(f"{'New' if comes else 'Remove'} tier {tier.name}")
        self.doc, self.at, self.tier, self.told, self.comes = doc, at, tier, told, comes

    @property
    def nbytes(self) -> int:
        return sum(120 + 2 * len(one.text) for one in self.tier.segments)

    def redo(self) -> None:
        self._put(comes=self.comes)

    def undo(self) -> None:
        self._put(comes=not self.comes)

    def _put(self, *, comes: bool) -> None:
        if comes:
            self.doc.tiers.insert(self.at, self.tier)
        else:
            del self.doc.tiers[self.at]
        self.told(max(0, min(self.at, len(self.doc.tiers) - 1)), -1)


def free_name(doc: TiersDoc, name: str) -> str:
    """A name that no tier has yet: 'words', 'words 2'."""
    taken = {one.name for one in doc.tiers}
    numbers = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(one for one in numbers if one not in taken)


def at_time(tier: Tier, at_s: float) -> int:
    """The segment that a time lies in; -1 for none. Points are found within 10 ms."""
    found = bisect.bisect_right(tier.segments, at_s, key=lambda one: one.start_s) - 1
    if found >= 0 and (at_s < tier.segments[found].end_s or _is_point(tier, found, at_s)):
        return found
    return found + 1 if found + 1 < len(tier.segments) and _is_point(tier, found + 1, at_s) else -1


def _is_point(tier: Tier, index: int, at_s: float) -> bool:
    one = tier.segments[index]
    return tier.kind == "points" and abs(one.start_s - at_s) <= 0.01


def boundary_near(tier: Tier, at_s: float, within_s: float) -> tuple[int, bool] | None:
    """The boundary next to a time: (segment, whether it is its start); None where none is near."""
    near = bisect.bisect_left(tier.segments, at_s, key=lambda one: one.start_s)
    found: tuple[float, int, bool] | None = None
    for index in range(max(0, near - 2), min(len(tier.segments), near + 2)):
        one = tier.segments[index]
        for edge, start in ((one.start_s, True), (one.end_s, False)):
            apart = abs(edge - at_s)
            if apart <= within_s and (found is None or apart < found[0]):
                found = (apart, index, start)
    return found[1:] if found is not None else None


def move_boundary(doc: TiersDoc, tier: int, index: int, start: bool, to_s: float, *, end_s: float) -> Replaced | None:
    """Put a boundary elsewhere; a neighbour that touches it goes along, another one stops it."""
    row = doc.tiers[tier].segments
    one = row[index]
    if doc.tiers[tier].kind == "points":
        low = row[index - 1].start_s + LEAST_S if index else 0.0
        high = row[index + 1].start_s - LEAST_S if index + 1 < len(row) else end_s
        at = min(max(to_s, low), high)
        return _change(tier, index, [one], [msgspec.structs.replace(one, start_s=at, end_s=at)], index)
    if start:
        before = row[index - 1] if index else None
        touching = before is not None and abs(before.end_s - one.start_s) < 1e-9
        low = 0.0 if before is None else before.start_s + LEAST_S if touching else before.end_s
        at = min(max(to_s, low), one.end_s - LEAST_S)
        moved = msgspec.structs.replace(one, start_s=at)
        if touching and before is not None:
            joined = [msgspec.structs.replace(before, end_s=at), moved]
            return _change(tier, index - 1, [before, one], joined, index)
        return _change(tier, index, [one], [moved], index)
    after = row[index + 1] if index + 1 < len(row) else None
    if after is not None and abs(after.start_s - one.end_s) < 1e-9:
        change = move_boundary(doc, tier, index + 1, True, to_s, end_s=end_s)
        return msgspec.structs.replace(change, marked=index) if change is not None else None
    high = after.start_s if after is not None else end_s
    at = max(min(to_s, high), one.start_s + LEAST_S)
    return _change(tier, index, [one], [msgspec.structs.replace(one, end_s=at)], index)


def set_text(doc: TiersDoc, tier: int, index: int, text: str) -> Replaced | None:
    """Another text; a person who writes it is sure of it."""
    one = doc.tiers[tier].segments[index]
    sure = {"confidence": 1.0, "corrected": True} if text != one.text else {}
    new = msgspec.structs.replace(one, text=text, **sure)
    return _change(tier, index, [one], [new], index)


def split(doc: TiersDoc, tier: int, at_s: float) -> Replaced | None:
    """Two segments at a time inside one; words are shared by where they fall."""
    index = at_time(doc.tiers[tier], at_s)
    if index < 0 or doc.tiers[tier].kind == "points":
        return None
    one = doc.tiers[tier].segments[index]
    if at_s - one.start_s < LEAST_S or one.end_s - at_s < LEAST_S:
        return None
    left, right = _shared(one.text, (at_s - one.start_s) / (one.end_s - one.start_s))
    first = msgspec.structs.replace(one, end_s=at_s, text=left)
    return _change(tier, index, [one], [first, msgspec.structs.replace(one, start_s=at_s, text=right)], index)


def _shared(text: str, share: float) -> tuple[str, str]:
    """A text in two parts at the word boundary nearest to a share of it; a single word stays on the left."""
    cuts = [at for at, letter in enumerate(text) if letter == " "]
    if not cuts:
        return text, ""
    cut = min(cuts, key=lambda at: abs(at - share * len(text)))
    return text[:cut], text[cut + 1 :]


def join(doc: TiersDoc, tier: int, index: int) -> Replaced | None:
    """A segment and the next one as one."""
    row = doc.tiers[tier].segments
    if not 0 <= index < len(row) - 1 or doc.tiers[tier].kind == "points":
        return None
    one, after = row[index], row[index + 1]
    words = ("" if doc.tiers[tier].kind == "phones" else " ").join(filter(None, (one.text, after.text)))
    sure = min(one.confidence, after.confidence)
    joined = msgspec.structs.replace(
        one, end_s=after.end_s, text=words, confidence=sure, corrected=one.corrected and after.corrected
    )
    return _change(tier, index, [one, after], [joined], index)


def insert(doc: TiersDoc, tier: int, start_s: float, end_s: float) -> Replaced | None:
    """A new segment, cut to the gap that its start lies in; None where there is no gap."""
    row = doc.tiers[tier].segments
    if doc.tiers[tier].kind == "points":
        end_s = start_s
        if at_time(doc.tiers[tier], start_s) >= 0:
            return None
    elif at_time(doc.tiers[tier], start_s) >= 0:
        return None
    index = bisect.bisect_right(row, start_s, key=lambda one: one.start_s)
    if index < len(row):
        end_s = min(end_s, row[index].start_s)
    if doc.tiers[tier].kind != "points" and end_s - start_s < LEAST_S:
        return None
    return _change(tier, index, [], [Segment(start_s, end_s)], index)


def delete(doc: TiersDoc, tier: int, index: int) -> Replaced | None:
    """One segment less."""
    row = doc.tiers[tier].segments
    return _change(tier, index, [row[index]], [], -1) if 0 <= index < len(row) else None


def _change(tier: int, first: int, old: Sequence[Segment], new: Sequence[Segment], marked: int) -> Replaced | None:
    if list(old) == list(new):
        return None
    return Replaced(tier, first, tuple(msgspec.structs.replace(one) for one in old), tuple(new), marked)


# Keeping


def kept_path(edits: Path, sound: str) -> Path:
    """Where the tiers of a sound are autosaved."""
    digest = hashlib.blake2b(str(Path(sound).resolve()).encode("utf-8", "replace"), digest_size=8).hexdigest()
    return edits / "sounds" / f"tiers-{digest}.json"


def keep(path: Path, doc: TiersDoc) -> Path | None:
    """Write tiers in one step; raises OSError.

    What another window has written there since this one looked is set aside first: the file that it is in then.
    """
    content = msgspec.json.encode(doc)
    there, aside = path.read_bytes() if path.exists() else b"", None
    if there and there != content and _digest(there) != _SEEN.get(path):
        aside = path.with_name(f"{path.stem}-other.json")
        path.replace(aside)
    write_whole(path, content)
    _SEEN[path] = _digest(content)
    return aside


def keeping(path: Path, doc: TiersDoc, set_aside: Callable[[str], object]) -> Callable[[], None]:
    """What keeps tiers when it is called, on any thread; `set_aside` hears of the file with another window's tiers."""

    def write() -> None:
        aside = keep(path, doc)
        if aside is not None:
            set_aside(str(aside))

    return write


def kept(path: Path) -> TiersDoc | None:
    """Tiers from last time; None where there are none; raises InputError when they are damaged."""
    try:
        content = path.read_bytes()
        _SEEN[path] = _digest(content)
        return msgspec.json.decode(content, type=TiersDoc)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "Tiers of this sound were autosaved and cannot be read.", expected="a TiersDoc in JSON",
            received=str(error), fix="Move the file away to begin anew.", place=str(path),
        ) from None  # fmt: skip


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
