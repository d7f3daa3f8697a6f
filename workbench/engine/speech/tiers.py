"""Tiers as files: TextGrid, SRT, WebVTT, RTTM, CTM, JSON, text and Audacity's labels, out and in."""

from __future__ import annotations

import html
import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from workbench.core.audio import Segment, Tier, TierKind, TiersDoc
from workbench.core.problem import InputError, did_you_mean

FORMATS = ("textgrid", "srt", "vtt", "rttm", "ctm", "json", "txt", "audacity")
ENDINGS = {
    ".textgrid": "textgrid", ".srt": "srt", ".vtt": "vtt", ".rttm": "rttm", ".ctm": "ctm", ".json": "json",
    ".txt": "txt",
}  # fmt: skip
_NAMED_SPEAKER = re.compile(r"^(?P<name>.*) \[(?P<speaker>[^\]]+)\]$")


def export_tiers(doc: TiersDoc, out: Path, form: str = "", tier: str = "") -> Path:
    """Write tiers in a format (by the ending of `out` where none is named); returns the path.

    Formats that hold one tier take the one called `tier`, else the first that suits. Raises InputError
    when the format is unknown or there is nothing that it can hold.
    """
    form = form or ENDINGS.get(out.suffix.lower(), "")
    if form not in _WRITERS:
        raise InputError(
            f"Tiers cannot be written as {form or out.suffix or 'a file without an ending'}.",
            expected=", ".join(FORMATS), received=form or out.name, fix=did_you_mean(form, FORMATS), field="format",
        )  # fmt: skip
    text = _WRITERS[form](doc, tier, out.stem)
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f"{out.name}.{os.getpid()}.tmp")
    scratch.write_text(text, encoding="utf-8", newline="\n")
    scratch.replace(out)
    return out


def chosen(doc: TiersDoc, name: str, kinds: tuple[TierKind, ...]) -> Tier:
    """The tier of a name, else the first of these kinds that has segments; raises InputError when there is none."""
    named = [tier for tier in doc.tiers if tier.name == name]
    if name and not named:
        raise InputError(
            f"There is no tier {name!r}.", expected=", ".join(tier.name for tier in doc.tiers) or "a tier",
            received=name, fix=did_you_mean(name, [tier.name for tier in doc.tiers]), field="tier",
        )  # fmt: skip
    for kind in kinds:
        named += [tier for tier in doc.tiers if tier.kind == kind and tier.segments]
    if not named:
        have = ", ".join(f"{tier.name} ({tier.kind})" for tier in doc.tiers) or "no tiers"
        raise InputError(
            "There is nothing that this format can hold.", expected="a tier of " + " or ".join(kinds), received=have,
            fix="Choose another format, or add such a tier.", field="format",
        )  # fmt: skip
    return named[0]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _token(text: str) -> str:
    return "_".join(text.split()) or "<NA>"


def _length_s(doc: TiersDoc) -> float:
    return max([doc.duration_s, *(one.end_s for tier in doc.tiers for one in tier.segments)], default=0.0)


# TextGrid


def _textgrid(doc: TiersDoc, tier: str, stem: str) -> str:
    end_s = _length_s(doc)
    tiers = [part for one in doc.tiers if one.name == (tier or one.name) for part in _by_speaker(one)]
    if not tiers:
        chosen(doc, tier, ("segments", "words", "phones", "points", "speakers"))
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end_s!r}",
             "tiers? <exists>", f"size = {len(tiers)}", "item []:"]  # fmt: skip
    for number, one in enumerate(tiers, 1):
        points = one.kind == "points"
        lines += [f"    item [{number}]:", f'        class = "{"TextTier" if points else "IntervalTier"}"',
                  f'        name = "{_quoted(one.name)}"', "        xmin = 0", f"        xmax = {end_s!r}"]  # fmt: skip
        entries = list(one.segments if points else _filled(one, end_s))
        what = "points" if points else "intervals"
        lines.append(f"        {what}: size = {len(entries)}")
        for at, entry in enumerate(entries, 1):
            lines.append(f"        {what} [{at}]:")
            if points:
                lines += [f"            number = {entry.start_s!r}", f'            mark = "{_quoted(entry.text)}"']
            else:
                lines += [f"            xmin = {entry.start_s!r}", f"            xmax = {entry.end_s!r}",
                          f'            text = "{_quoted(entry.text)}"']  # fmt: skip
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return _one_line(text).replace('"', '""')


def _by_speaker(tier: Tier) -> Iterator[Tier]:
    """A tier per speaker, as is usual in TextGrids, which have no place for the name otherwise."""
    for speaker in dict.fromkeys(one.speaker for one in tier.segments) or [""]:
        name = f"{tier.name} [{speaker}]" if speaker else tier.name
        own = [one for one in tier.segments if one.speaker == speaker]
        if tier.kind == "speakers":
            # An interval without a text is silence to Praat.
            own = [Segment(one.start_s, one.end_s, one.text or speaker, speaker) for one in own]
        yield Tier(name, tier.kind, own)


def _filled(tier: Tier, end_s: float) -> Iterator[Segment]:
    """Intervals without gaps, as Praat has them; overlaps end where the next begins."""
    at = 0.0
    ordered = sorted(tier.segments, key=lambda one: (one.start_s, one.end_s))
    for one, following in itertools.zip_longest(ordered, ordered[1:]):
        start = max(one.start_s, at)
        stop = min(one.end_s, following.start_s) if following and following.start_s > start else one.end_s
        if stop <= start:
            continue
        if start > at:
            yield Segment(at, start)
        yield Segment(start, stop, one.text)
        at = stop
    if at < end_s:
        yield Segment(at, end_s)


def _read_textgrid(path: Path) -> TiersDoc:
    from praatio import textgrid

    found = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, duplicateNamesMode="rename")
    tiers: list[Tier] = []
    for one in found.tiers:
        named = _NAMED_SPEAKER.match(one.name)
        speaker = named["speaker"] if named else ""
        points = isinstance(one, textgrid.PointTier)
        segments = [
            Segment(float(entry[0]), float(entry[0 if points else 1]), str(entry[-1]), speaker) for entry in one.entries
        ]
        name = named["name"] if named else one.name
        kind: TierKind = "points" if points else kind_of(name)
        if kind == "speakers" and speaker:
            _take_turns(tiers, name, speaker, segments)
        else:
            tiers.append(Tier(name, kind, segments))
    return TiersDoc(tiers, float(found.maxTimestamp), path.stem)


def _take_turns(tiers: list[Tier], name: str, speaker: str, segments: list[Segment]) -> None:
    """One tier again out of a tier for each speaker; a text that repeats the name was put there by `_by_speaker`."""
    turns = [Segment(one.start_s, one.end_s, one.text if one.text != speaker else "", speaker) for one in segments]
    before = [tier for tier in tiers if tier.name == name and tier.kind == "speakers"]
    if not before:
        tiers.append(Tier(name, "speakers", turns))
        return
    before[0].segments = sorted([*before[0].segments, *turns], key=lambda one: one.start_s)


def kind_of(name: str) -> TierKind:
    """What a tier of this name most likely holds."""
    low = name.lower()
    if low.startswith(("phone", "phoneme", "mau", "phn")):
        return "phones"
    if low.split(" ")[0] == "speakers":
        return "speakers"
    return "words" if low.startswith(("word", "ort", "wrd")) else "segments"


# Subtitles


def _clock(seconds: float, mark: str) -> str:
    whole = round(max(seconds, 0) * 1000)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d}{mark}{whole % 1000:03d}"


def _srt(doc: TiersDoc, tier: str, stem: str) -> str:
    shown = [one for one in chosen(doc, tier, ("segments", "words")).segments if _one_line(one.text)]
    blocks = []
    for number, one in enumerate(shown, 1):
        said = _one_line(one.text).replace("-->", "→")
        said = f"{one.speaker}: {said}" if one.speaker else said
        blocks.append(f"{number}\n{_clock(one.start_s, ',')} --> {_clock(one.end_s, ',')}\n{said}\n")
    return "\n".join(blocks)


def _vtt(doc: TiersDoc, tier: str, stem: str) -> str:
    shown = [one for one in chosen(doc, tier, ("segments", "words")).segments if _one_line(one.text)]
    blocks = ["WEBVTT\n"]
    for one in shown:
        said = html.escape(_one_line(one.text), quote=False)
        # A voice may hold no > of its own, and no line break.
        said = f"<v {html.escape(_one_line(one.speaker), quote=False)}>{said}</v>" if one.speaker else said
        blocks.append(f"{_clock(one.start_s, '.')} --> {_clock(one.end_s, '.')}\n{said}\n")
    return "\n".join(blocks)


def _read_srt(path: Path) -> TiersDoc:
    import srt

    cues = list(srt.parse(path.read_text(encoding="utf-8-sig")))
    segments = [Segment(one.start.total_seconds(), one.end.total_seconds(), _one_line(one.content)) for one in cues]
    return TiersDoc([Tier("segments", "segments", segments)], title=path.stem)


def _read_vtt(path: Path) -> TiersDoc:
    import webvtt

    segments = [
        Segment(one.start_in_seconds + one.start_time.milliseconds / 1000,
                one.end_in_seconds + one.end_time.milliseconds / 1000,
                html.unescape(_one_line(one.text)), html.unescape(one.voice or ""))
        for one in webvtt.read(str(path)).captions
    ]  # fmt: skip
    return TiersDoc([Tier("segments", "segments", segments)], title=path.stem)


# Lines of numbers


def _rttm(doc: TiersDoc, tier: str, stem: str) -> str:
    spoken = chosen(doc, tier, ("speakers", "segments", "words")).segments
    return "".join(
        f"SPEAKER {_token(stem)} 1 {one.start_s:.3f} {one.end_s - one.start_s:.3f} <NA> <NA> "
        f"{_token(one.speaker) if one.speaker else 'speaker'} {one.confidence:.3f} <NA>\n"
        for one in spoken
    )  # fmt: skip


def _ctm(doc: TiersDoc, tier: str, stem: str) -> str:
    words = [one for one in chosen(doc, tier, ("words", "phones")).segments if _one_line(one.text)]
    return "".join(
        f"{_token(stem)} 1 {one.start_s:.3f} {one.end_s - one.start_s:.3f} {_token(one.text)} {one.confidence:.3f}\n"
        for one in words
    )


def _read_rttm(path: Path) -> TiersDoc:
    segments = []
    for number, line in _lines(path):
        words = line.split()
        if words[0] != "SPEAKER":
            continue
        start_s, length_s = _numbers(path, number, line, words[3:5])
        confidence = float(words[8]) if len(words) > 8 and words[8] != "<NA>" else 1.0
        speaker = words[7] if len(words) > 7 else ""
        segments.append(Segment(start_s, start_s + length_s, "", speaker, confidence))
    return TiersDoc([Tier("speakers", "speakers", sorted(segments, key=lambda one: one.start_s))], title=path.stem)


def _read_ctm(path: Path) -> TiersDoc:
    segments = []
    for number, line in _lines(path):
        words = line.split()
        start_s, length_s = _numbers(path, number, line, words[2:4])
        confidence = float(words[5]) if len(words) > 5 else 1.0
        segments.append(Segment(start_s, start_s + length_s, words[4] if len(words) > 4 else "", "", confidence))
    return TiersDoc([Tier("words", "words", segments)], title=path.stem)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if line.strip() and not line.startswith(";;"):
            yield number, line


def _numbers(path: Path, number: int, line: str, words: list[str]) -> tuple[float, float]:
    try:
        first, second = (float(word) for word in words)
    except ValueError:
        raise InputError(
            "A line has no times where they belong.", expected="two numbers, in seconds", received=line[:80],
            fix="Check the file's format.", place=f"{path.name}, line {number}",
        ) from None  # fmt: skip
    return first, second


# Text and documents


def _text(doc: TiersDoc, tier: str, stem: str) -> str:
    shown = chosen(doc, tier, ("segments", "words"))
    if shown.kind == "words":
        return " ".join(_one_line(one.text) for one in shown.segments) + "\n"
    lines = (f"{one.speaker}: {_one_line(one.text)}" if one.speaker else _one_line(one.text) for one in shown.segments)
    return "\n".join(lines) + "\n"


def _audacity(doc: TiersDoc, tier: str, stem: str) -> str:
    shown = chosen(doc, tier, ("segments", "words", "phones", "points", "speakers"))
    return "".join(
        f"{one.start_s:.6f}\t{one.end_s:.6f}\t{_one_line(one.text) or one.speaker}\n" for one in shown.segments
    )


def _read_text(path: Path) -> TiersDoc:
    segments = []
    for number, line in _lines(path):
        words = line.split("\t", 2)
        start_s, end_s = _numbers(path, number, line, words[:2])
        segments.append(Segment(start_s, end_s, words[2] if len(words) > 2 else ""))
    return TiersDoc([Tier("labels", "segments", segments)], title=path.stem)


def _json(doc: TiersDoc, tier: str, stem: str) -> str:
    return msgspec.json.format(msgspec.json.encode(doc), indent=1).decode()


def _read_json(path: Path) -> TiersDoc:
    return msgspec.json.decode(path.read_bytes(), type=TiersDoc)


_WRITERS: Mapping[str, Callable[[TiersDoc, str, str], str]] = {
    "textgrid": _textgrid, "srt": _srt, "vtt": _vtt, "rttm": _rttm, "ctm": _ctm, "json": _json, "txt": _text,
    "audacity": _audacity,
}  # fmt: skip
_READERS: Mapping[str, Callable[[Path], TiersDoc]] = {
    "textgrid": _read_textgrid, "srt": _read_srt, "vtt": _read_vtt, "rttm": _read_rttm, "ctm": _read_ctm,
    "json": _read_json, "txt": _read_text,
}  # fmt: skip


def read_tiers(path: Path) -> TiersDoc:
    """The tiers of a file, by its ending; .txt holds Audacity's labels.

    Raises InputError naming the file when it is missing, of another kind, or damaged.
    """
    form = ENDINGS.get(path.suffix.lower(), "")
    if not path.is_file() or not form:
        raise InputError(
            "There are no tiers at this path.", expected="a file ending in " + ", ".join(ENDINGS),
            received=str(path), fix="Choose such a file.", field="path", place=path.name,
        )  # fmt: skip
    try:
        found = _READERS[form](path)
    except InputError:
        raise
    except Exception as error:
        # Three libraries with exceptions of their own; whichever it is, the file is not what it says.
        raise InputError(
            f"This file cannot be read as {form.upper()}.", expected=f"a whole {form.upper()} file in UTF-8",
            received=f"{type(error).__name__}: {error}"[:200], fix="Check what wrote it; write it again.",
            field="path", place=path.name,
        ) from None  # fmt: skip
    return found
