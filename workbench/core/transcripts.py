"""What transcribing is asked with and answered by, between the worker and whoever shows or writes it.

The worker's inspector `transcribe` {TranscribingWish} → Transcript. It works for `budget_s` and answers as far as
it has come; whoever asks goes on from `reached_s` until an answer is `complete`, so that other questions get their
turn between. Partial documents on the way are Transcripts, too: what has been heard since the question began.
`transcript-export` {transcript, out, formats} → the written paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import msgspec

from workbench.core.audio import Segment, Tier, TiersDoc

SEGMENTS, WORDS = "transcript", "words"
"""What the tiers of a transcript are called."""
RECIPE = "ctc-recogniser"
"""The recipe that trains recognisers, and goes on from one on corrections."""
Format = Literal["txt", "srt", "vtt", "textgrid", "ctm", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIX: dict[str, str] = {"textgrid": ".TextGrid"}
"""The ending of a format's files where it is not its name."""
Family = Literal["ctc", "whisper", "speecht5", "recogniser"]
"""`recogniser` is one of the workbench's own, `ctc` wav2vec 2.0, HuBERT and their like in Hugging Face format."""


class RecogniserFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model that transcribes, as lists show it."""

    path: str
    title: str
    family: Family
    note: str = ""
    """What a person should know of it, such as what it was trained on."""


class TranscribingWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A sound, the folder of a model, and how much of it is wanted.

    `end_s` 0 is the end. `beam` 1 reads the likeliest label of each frame (greedy), more keep as many prefixes;
    models that write their own text pass over it. `budget_s` 0 works to the end.
    """

    path: str
    model: str
    start_s: float = 0.0
    end_s: float = 0.0
    beam: int = 1
    budget_s: float = 0.0
    device: str = ""


class Transcript(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was said from `start_s` to `reached_s`: words with their times and confidences, and segments of them.

    Where `timed` is false the model tells no times: those of words share out the stretch that they were heard in.
    """

    segments: list[Segment] = []
    words: list[Segment] = []
    start_s: float = 0.0
    reached_s: float = 0.0
    duration_s: float = 0.0
    complete: bool = False
    model: str = ""
    timed: bool = True
    notes: tuple[str, ...] = ()
    """What was done to the sound or is to be known of the result ('resampled from 44,100 to 16,000 Hz')."""

    @property
    def text(self) -> str:
        """All of it, a line per segment."""
        return "\n".join(one.text for one in self.segments)


def joined(parts: Sequence[Transcript]) -> Transcript:
    """Answers that follow each other as one."""
    last = parts[-1]
    return msgspec.structs.replace(
        last, segments=[one for part in parts for one in part.segments], start_s=parts[0].start_s,
        words=[one for part in parts for one in part.words],
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )  # fmt: skip


def tiers_of(transcript: Transcript, *, title: str = "") -> TiersDoc:
    """A transcript as tiers: its segments, then its words."""
    tiers = [Tier(SEGMENTS, "segments", transcript.segments), Tier(WORDS, "words", transcript.words)]
    return TiersDoc(tiers, transcript.duration_s, title)


def tier_for(form: str) -> str:
    """The tier of a transcript that a format holds; empty where it holds all of them."""
    return {"ctm": WORDS, "textgrid": "", "json": ""}.get(form, SEGMENTS)


def with_speakers(rows: Iterable[Segment], speakers: Tier) -> list[Segment]:
    """Each row with the speaker of the tier who speaks longest during it; rows that nobody covers stay as they are."""
    found = []
    for row in rows:
        best, longest = "", 0.0
        for one in speakers.segments:
            shared = min(one.end_s, row.end_s) - max(one.start_s, row.start_s)
            name = one.speaker or one.text
            if name and shared > longest:
                best, longest = name, shared
        found.append(msgspec.structs.replace(row, speaker=best) if best else row)
    return found


class WordChange(msgspec.Struct, frozen=True):
    """Words [first, last) of one text stand for words [other_first, other_last) of another: equal, or not."""

    equal: bool
    first: int
    last: int
    other_first: int
    other_last: int


EDIT = 1 << 20
"""The cost of an edit; a substitution is dearer by one, so that it never wins over equal words beside it."""


def changes(words: Sequence[str], others: Sequence[str]) -> list[WordChange]:
    """Two texts word by word with the fewest substitutions, insertions and deletions (Levenshtein), case apart.

    Of several such ways the one in which most words are equal.
    Work grows with the product of their lengths: meant for the words of a segment, not of a book.
    """
    one, two = [word.casefold() for word in words], [word.casefold() for word in others]
    costs = [[EDIT * column for column in range(len(two) + 1)]]
    for row, word in enumerate(one, 1):
        costs.append([EDIT * row])
        for column, other in enumerate(two, 1):
            swapped = costs[row - 1][column - 1] + (word != other) * (EDIT + 1)
            costs[row].append(min(swapped, costs[row - 1][column] + EDIT, costs[row][column - 1] + EDIT))
    found: list[WordChange] = []
    at, there = len(one), len(two)
    while at or there:
        here = costs[at][there]
        if at and there and here == costs[at - 1][there - 1] + (one[at - 1] != two[there - 1]) * (EDIT + 1):
            step = WordChange(one[at - 1] == two[there - 1], at - 1, at, there - 1, there)
        elif at and here == costs[at - 1][there] + EDIT:
            step = WordChange(False, at - 1, at, there, there)
        else:
            step = WordChange(False, at, at, there - 1, there)
        at, there = step.first, step.other_first
        found.append(step)
    return found[::-1]


class ErrorRate(msgspec.Struct, frozen=True):
    """Word errors against a reference: substituted, inserted and deleted words of `words` in it."""

    errors: int
    words: int

    @property
    def rate(self) -> float:
        """Errors per word of the reference; 0 for nothing against nothing."""
        return self.errors / self.words if self.words else float(self.errors > 0)


def word_errors(pairs: Iterable[tuple[str, str]]) -> ErrorRate:
    """The word error rate over pairs of a reference and what a model heard; punctuation at words' ends is apart."""
    errors = words = 0
    for reference, heard in pairs:
        true = plain_words(reference)
        words += len(true)
        errors += sum(not one.equal for one in changes(true, plain_words(heard)))
    return ErrorRate(errors, words)


def plain_words(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation around them."""
    stripped = (word.strip(".,;:!?…\"'“”„‘’()[]«»–—-").casefold() for word in text.split())
    return [word for word in stripped if word]


def within(rows: Sequence[Segment], start_s: float, end_s: float) -> list[Segment]:
    """The rows whose middle lies in [start_s, end_s)."""
    return [one for one in rows if start_s <= (one.start_s + one.end_s) / 2 < end_s]


APART_S = 10.0
"""Two readings of a sound are compared in windows of about this length."""


def differing(one: Sequence[Segment], other: Sequence[Segment]) -> tuple[set[int], set[int]]:
    """Which words of two readings of the same sound have no equal in the other, by place; both in order of time.

    Compared in windows that begin where neither has a word, so that work grows with the length alone.
    """
    firsts: set[int] = set()
    seconds: set[int] = set()
    at = there = 0
    while at < len(one) or there < len(other):
        end_at, end_there = _window(one, at, other, there)
        mine = [" ".join(plain_words(word.text)) for word in one[at:end_at]]
        its = [" ".join(plain_words(word.text)) for word in other[there:end_there]]
        for change in changes(mine, its):
            if not change.equal:
                firsts.update(range(at + change.first, at + change.last))
                seconds.update(range(there + change.other_first, there + change.other_last))
        at, there = end_at, end_there
    return firsts, seconds


def _window(one: Sequence[Segment], at: int, other: Sequence[Segment], there: int) -> tuple[int, int]:
    """The ends of a window that begins at these words."""
    begins = [row[place].start_s for row, place in ((one, at), (other, there)) if place < len(row)]
    until_s, first, reached_s = min(begins) + APART_S, True, 0.0
    while at < len(one) or there < len(other):
        mine = one[at].start_s if at < len(one) else float("inf")
        its = other[there].start_s if there < len(other) else float("inf")
        if not first and min(mine, its) >= until_s and min(mine, its) >= reached_s:
            break
        first = False
        word = one[at] if mine <= its else other[there]
        at, there = (at + 1, there) if mine <= its else (at, there + 1)
        reached_s = max(reached_s, word.end_s)
    return at, there


def against_corrections(words: Sequence[Segment], doc: TiersDoc) -> tuple[ErrorRate, int]:
    """The word error rate of a reading on the segments that a person corrected or confirmed, and their number."""
    true = [one for tier in doc.tiers if tier.kind == "segments" for one in tier.segments if one.corrected]
    pairs = [(one.text, " ".join(word.text for word in within(words, one.start_s, one.end_s))) for one in true]
    return word_errors(pairs), len(true)
