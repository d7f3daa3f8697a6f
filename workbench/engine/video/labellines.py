"""Annotations as lines: lists of videos with labels (UCF-101, HMDB, SlowFast, VideoMAE), Charades-STA, subtitles."""

from __future__ import annotations

import datetime
from pathlib import Path

from workbench.core.audio import TiersDoc
from workbench.core.problem import InputError
from workbench.core.spans import LabelFile, counted
from workbench.engine.video.labeldocs import is_whole
from workbench.engine.video.labelreading import Gathering, seconds
from workbench.engine.video.labeltables import dropped, id_of, of_parts, unused, without_end

CLASS_LISTS = ("classInd.txt", "classes.txt", "labels.txt")
"""Beside a list: which name a class's number stands for, '1 ApplyEyeMakeup' or a name a line."""
SPLITS = ("train", "val", "test")


def _lines(text: str) -> list[tuple[int, str]]:
    rows = enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1)
    return [(number, line.strip()) for number, line in rows if line.strip()]


def class_names(folder: Path) -> dict[str, str]:
    """Names by number out of a list beside the annotations; empty where there is none."""
    for name in CLASS_LISTS:
        path = folder / name
        if path.is_file() and path.stat().st_size < 1 << 20:
            rows = _lines(path.read_text("utf-8-sig", "replace"))
            pairs = [line.split(None, 1) for _, line in rows]
            if all(len(pair) == 2 and pair[0].isdecimal() for pair in pairs):
                return {pair[0]: pair[1] for pair in pairs}
            return {str(at): line for at, (_, line) in enumerate(rows)}
    return {}


def read_list(path: Path, text: str) -> LabelFile:
    """'path label' a line, set apart by a blank, a comma, a semicolon or a tab; without a label its folder is it."""
    found = Gathering(path, "list")
    names = class_names(path.parent)
    split = next((part for part in SPLITS if part in path.stem.lower()), "")
    for number, line in _lines(text):
        separator = next((one for one in ("\t", ";", ",") if one in line), " ")
        video, _, label = line.rpartition(separator)
        if not video or ("." in label.rpartition("/")[2] and "." not in video.rpartition("/")[2]):
            video, label = line, ""
        video = video.strip().strip('"')
        label = names.get(label.strip(), label.strip().strip('"')) or Path(video).parent.name
        if not label:
            raise InputError(
                "A video of this list has no label.", expected="a path and a label, or a path below a class folder",
                received=line[:80], fix="Write the label after the path.", field="path", place=found.place(number),
            )  # fmt: skip
        found.add(found.video(video, split), label, 0.0, None, found.place(number))
    return found.found()


def write_list(file: LabelFile, stem: str) -> tuple[str, list[str]]:
    """'path label' a line for whole videos, set apart by a tab where names hold blanks."""
    rows, partial = [], 0
    for video in file.videos:
        for one in video.spans:
            if is_whole(one.start_s, one.end_s, video.duration_s):
                rows.append((video.name or stem, one.label))
            else:
                partial += 1
    tight = all(not set(" \t,;") & set(name + label) for name, label in rows)
    text = "".join(f"{name}{' ' if tight else chr(9)}{label}\n" for name, label in rows)
    return text, [*dropped(file, score=True, note=True), *unused(file), *of_parts(partial)]


def read_charades(path: Path, text: str) -> LabelFile:
    """'id start end##sentence' a line: the sentence is the label."""
    found = Gathering(path, "charades-sta")
    for number, line in _lines(text):
        place = found.place(number)
        head, mark, sentence = line.partition("##")
        words = head.rsplit(None, 2)
        if not mark or len(words) != 3:
            raise InputError(
                "A line is not one of Charades-STA.", expected="id start end##sentence", received=line[:80],
                fix="Check the file's format.", field="path", place=place,
            )  # fmt: skip
        found.add(found.video(words[0]), sentence, seconds(words[1], place), seconds(words[2], place), place)
    return found.found()


def write_charades(file: LabelFile, stem: str) -> tuple[str, list[str]]:
    """A line for each span, with its label as the sentence."""
    rows, endless = [], 0
    for video in file.videos:
        for one in video.spans:
            end = one.end_s if one.end_s is not None else video.duration_s
            if one.end_s is None and not end:
                endless += 1
                continue
            rows.append(f"{id_of(video.name, stem)} {one.start_s!r} {end!r}##{' '.join(one.label.split())}\n")
    return "".join(rows), [*dropped(file, score=True, note=True), *unused(file), *without_end(endless)]


def read_srt(path: Path, text: str) -> LabelFile:
    """A cue's text is the label."""
    import srt

    found = Gathering(path, "srt")
    try:
        cues = list(srt.parse(text))
    except (srt.SRTParseError, ValueError, OverflowError) as error:
        raise InputError(
            "These are no subtitles.", expected="numbered cues with times, as SubRip writes them",
            received=" ".join(str(error).split())[:200], fix="Check what wrote it.", field="path", place=path.name,
        ) from None  # fmt: skip
    for cue in cues:
        label = " ".join(cue.content.split())
        if label:
            place = f"{path.name}, cue {cue.index}"
            found.add(found.video(""), label, cue.start.total_seconds(), cue.end.total_seconds(), place)
    return found.found()


def write_srt(doc: TiersDoc) -> tuple[str, list[str]]:
    """Labels, with their notes after them, as subtitles: to be seen in any player."""
    import srt

    spans = sorted((one.start_s, one.end_s, tier.name, one.text) for tier in doc.tiers for one in tier.segments)
    cues = [
        srt.Subtitle(None, datetime.timedelta(seconds=start), datetime.timedelta(seconds=max(end, start + 0.001)),
                     f"{label} – {note}" if note else label)
        for start, end, label, note in spans
    ]  # fmt: skip
    noted = sum(bool(note) for *_, note in spans)
    told = [f"{counted(noted, 'note')} written behind the label: read again it is part of it"] if noted else []
    return srt.compose(cues), told
