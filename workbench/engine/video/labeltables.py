"""Annotations in tables: our CSV, Kinetics, BORIS's tabular events, ELAN's tab-delimited text.

Columns of BORIS: its export of 'tabular events' (a row for each START, STOP and POINT) and of 'aggregated events' (a
row for each, with start and stop), versions 7 to 9. ELAN: 'Export as tab-delimited text', with or without a header,
times as hh:mm:ss.ms, ss.msec or msec.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from workbench.core.audio import TiersDoc
from workbench.core.problem import InputError
from workbench.core.spans import AnnotatedVideo, LabelFile, counted
from workbench.engine.video.labelreading import Gathering, number, seconds, table_rows

Rows = list[tuple[int, list[str]]]
_NAMES = {
    "label": ("label", "class", "action", "classname", "class_name", "tag"),
    "start": ("start_s", "start", "start (s)", "time_start", "begin", "begin_s", "start_time", "t_start", "t-start"),
    "end": ("end_s", "end", "end (s)", "stop (s)", "time_end", "stop", "stop_s", "end_time", "t_end", "t-end"),
    "path": ("path", "video", "file", "filename", "file_name", "clip_path", "video_path", "video_id", "video-id",
             "youtube_id", "videopath", "clip_name"),
    "score": ("score", "confidence", "probability"),
    "note": ("note", "comment", "notes", "text"),
    "split": ("split", "subset"),
}  # fmt: skip
CSV_COLUMNS = ("label", "start_s", "end_s", "score", "note")
KINETICS_COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")


def delimiter_of(text: str) -> str:
    """What sets fields apart: the separator that the first line has most of."""
    first = text.split("\n", 1)[0]
    return max(",\t;", key=first.count)


def columns_of(header: Sequence[str]) -> dict[str, int]:
    """Where our columns are in a header, under any of their common names."""
    given = [cell.strip().lower() for cell in header]
    found = {}
    for ours, names in _NAMES.items():
        at = next((given.index(name) for name in names if name in given), None)
        if at is not None:
            found[ours] = at
    return found


def read_csv(path: Path, text: str, form: str = "csv") -> LabelFile:
    """Rows with a label, and where given a video, times, a score and a note; a row without times is a whole video."""
    rows = table_rows(path, text, delimiter_of(text))
    line, header = next(rows, (1, []))
    at = columns_of(header)
    if "label" not in at:
        raise InputError(
            "This table has no column of labels.", expected=f"a header with {', '.join(CSV_COLUMNS)}",
            received=", ".join(header)[:200] or "nothing", fix="Name the column label.", field="path",
            place=f"{path.name}, line {line}",
        )  # fmt: skip
    if "start" in at and "end" not in at:
        raise InputError(
            "This table says when stretches begin and not when they end.", expected="columns start_s and end_s",
            received=", ".join(header)[:200] or "nothing", fix="Add the column end_s.", field="path",
            place=f"{path.name}, line {line}",
        )  # fmt: skip
    found = Gathering(path, form)
    for line, row in rows:
        if len(row) != len(header):
            raise InputError(
                "A row has not as many fields as the header.", expected=f"{len(header)} fields",
                received=f"{len(row)}: {','.join(row)[:80]}", fix="Quote fields that hold the separator.",
                field="path", place=found.place(line),
            )  # fmt: skip
        cell = {name: row[where].strip() for name, where in at.items()}
        place = found.place(line)
        start = seconds(cell["start"], place) if cell.get("start") else 0.0
        end = seconds(cell["end"], place) if cell.get("end") else None
        score = number(cell["score"], place, "a score") if cell.get("score") else 1.0
        video = found.video(cell.get("path", ""), cell.get("split", ""))
        found.add(video, cell["label"], start, end, place, score=score, note=cell.get("note", ""))
    return found.found()


def plain(value: float) -> str:
    """A number as short as it reads back the same: 4, 4.25."""
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def write_csv(file: LabelFile, stem: str) -> tuple[str, list[str]]:
    """Our CSV; a column of paths where videos have names, one of splits where they have those."""
    named, parted = any(one.name for one in file.videos), any(one.split for one in file.videos)
    header = [*(["path"] if named else []), *CSV_COLUMNS, *(["split"] if parted else [])]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for video in file.videos:
        for one in video.spans:
            whole = one.end_s is None and one.start_s == 0
            writer.writerow([
                *([video.name] if named else []), one.label, "" if whole else plain(one.start_s),
                "" if one.end_s is None else plain(one.end_s), "" if one.score == 1 else plain(one.score), one.note,
                *([video.split] if parted else []),
            ])  # fmt: skip
    return out.getvalue(), unused(file)


def unused(file: LabelFile) -> list[str]:
    """What to tell where labels that no span has cannot be held."""
    idle = set(file.labels) - {one.label for video in file.videos for one in video.spans}
    return [f"{counted(len(idle), 'label')} without spans not written: {', '.join(sorted(idle))[:120]}"] if idle else []


def dropped(file: LabelFile, *, score: bool = False, note: bool = False) -> list[str]:
    """What to tell of scores and notes that a format has no place for."""
    spans = [one for video in file.videos for one in video.spans]
    scores, notes = sum(one.score != 1 for one in spans), sum(bool(one.note) for one in spans)
    told = []
    if score and scores:
        told.append(f"{counted(scores, 'score')} not written: this format has none")
    if note and notes:
        told.append(f"{counted(notes, 'note')} not written: this format has none")
    return told


def without_end(number: int) -> list[str]:
    """What to tell of spans to the end of a video whose length is not known."""
    told = f"{counted(number, 'span')} without an end not written: the video's length is not known"
    return [told] if number else []


def of_parts(number: int) -> list[str]:
    """What to tell of spans that are not all of their video."""
    told = f"{counted(number, 'span')} of parts of videos not written: this format has whole videos"
    return [told] if number else []


def id_of(name: str, stem: str) -> str:
    """The name of a video without folders and ending, as data sets list it."""
    return Path(name.replace("\\", "/")).stem or stem


# Kinetics


def write_kinetics(file: LabelFile, stem: str) -> tuple[str, list[str]]:
    """The columns of Kinetics; ids are files' names without their endings."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(KINETICS_COLUMNS)
    parts = 0
    for video in file.videos:
        for one in video.spans:
            end = "" if one.end_s is None else plain(one.end_s)
            parts += any(value != int(value) for value in (one.start_s, one.end_s or 0.0))
            writer.writerow([one.label, id_of(video.name, stem), plain(one.start_s), end, video.split])
    told = [f"{counted(parts, 'span')} with fractions of a second, which Kinetics itself has not"] if parts else []
    return out.getvalue(), [*dropped(file, score=True, note=True), *unused(file), *told]


# BORIS

_BORIS = (
    "Observation id", "Observation date", "Description", "Observation duration", "Observation type", "Source",
    "Time offset (s)", "Media duration (s)", "FPS", "Subject", "Observation duration by subject by observation",
    "Behavior", "Behavioral category", "Behavior type", "Time", "Media file name", "Image index", "Image file path",
    "Comment",
)  # fmt: skip
NOBODY = "No focal subject"


def boris_header(rows: Rows) -> int:
    """Which of the rows is the header of BORIS's events; -1 where none is. Older versions put facts before it."""
    for at, (_, row) in enumerate(rows[:200]):
        cells = {cell.strip() for cell in row}
        if "Behavior" in cells and (cells & {"Start (s)"} or ("Time" in cells and cells & {"Behavior type", "Status"})):
            return at
    return -1


def read_boris(path: Path, text: str) -> LabelFile:
    """Behaviours are labels; subjects and modifiers go to the notes. A START without its STOP is left out and told."""
    rows = list(table_rows(path, text, "\t" if "\t" in text else delimiter_of(text)))
    head = boris_header(rows)
    if head < 0:
        raise InputError(
            "This is not a table of BORIS's events.", expected="columns Behavior, Behavior type and Time",
            received=", ".join(rows[0][1])[:200] if rows else "nothing",
            fix="Export 'tabular events' or 'aggregated events'.", field="path", place=path.name,
        )  # fmt: skip
    names = [cell.strip() for cell in rows[head][1]]
    found = Gathering(path, "boris")
    events = [(line, dict(zip(names, map(str.strip, row), strict=False))) for line, row in rows[head + 1 :]]
    if "Start (s)" in names:
        for line, event in events:
            place = found.place(line)
            start = seconds(event.get("Start (s)", ""), place)
            point = event.get("Behavior type", "").upper() == "POINT"
            end = start if point else seconds(event.get("Stop (s)", ""), place)
            video = _filmed(found, event)
            found.add(video, event.get("Behavior", ""), start, end, place, note=_remarked(event, "Comment start"))
    else:
        _pair(found, events)
    return found.found()


def _pair(found: Gathering, events: list[tuple[int, dict[str, str]]]) -> None:
    begun: dict[tuple[str, ...], tuple[int, float, str]] = {}
    for line, event in events:
        place, label = found.place(line), event.get("Behavior", "")
        kind = (event.get("Behavior type") or event.get("Status") or "").upper()
        at_s, video = seconds(event.get("Time", ""), place), _filmed(found, event)
        modified = tuple(value for name, value in event.items() if name.startswith("Modifier"))
        who = (event.get("Observation id", ""), video.name, event.get("Subject", ""), label, *modified)
        if kind in ("POINT", "POINT EVENT"):
            found.add(video, label, at_s, at_s, place, note=_remarked(event, "Comment"))
        elif kind == "START":
            if who in begun:
                found.leave("START", "without a STOP", f"{label} at {begun[who][1]:g} s, {found.place(begun[who][0])}")
            begun[who] = (line, at_s, _remarked(event, "Comment"))
        elif kind == "STOP":
            if who not in begun:
                found.leave("STOP", "without a START", f"{label} at {at_s:g} s, {place}")
                continue
            _, start, note = begun.pop(who)
            ended = event.get("Comment", "")
            found.add(video, label, start, at_s, place, note="; ".join(filter(None, (note, ended))))
        else:
            raise InputError(
                "An event is neither of a state nor of a point.", expected="START, STOP or POINT",
                received=kind[:80] or "nothing", fix="Export it again.", field="path", place=place,
            )  # fmt: skip
    for who, (line, at_s, _) in begun.items():
        found.leave("START", "without a STOP", f"{who[3]} at {at_s:g} s, {found.place(line)}")


def _filmed(found: Gathering, event: dict[str, str]) -> AnnotatedVideo:
    name = event.get("Media file name") or event.get("Media file path") or event.get("Observation id") or ""
    video = found.video(name)
    length = event.get("Media duration (s)") or event.get("Total length") or ""
    if length and length != "NA" and not video.duration_s and ";" not in length:
        video.duration_s = max(number(length, found.path.name, "the length of a video"), 0.0)
    return video


def _remarked(event: dict[str, str], comment: str) -> str:
    """A comment with the subject and the modifiers before it, where there are any."""
    subject = event.get("Subject", "")
    parts = [] if subject in ("", NOBODY) else [f"subject: {subject}"]
    parts += [f"{name}: {value}" for name, value in event.items() if name.startswith("Modifier") and value]
    return "; ".join([*parts, *([event[comment]] if event.get(comment) else [])])


def write_boris(videos: list[tuple[AnnotatedVideo, TiersDoc]], stem: str, delimiter: str) -> str:
    """Tabular events: a row for each START, STOP and POINT, in order of time."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(_BORIS)
    for video, doc in videos:
        events: list[tuple[float, int, str, str, str]] = []
        for tier in doc.tiers:
            for one in tier.segments:
                if tier.kind == "points":
                    events.append((one.start_s, 1, tier.name, "POINT", one.text))
                else:
                    # What ends at a time ends before what begins then.
                    events += [(one.start_s, 1, tier.name, "START", one.text), (one.end_s, 0, tier.name, "STOP", "")]
        length = f"{video.duration_s:.3f}" if video.duration_s else "NA"
        for at_s, _, label, kind, note in sorted(events):
            facts = {
                "Observation id": id_of(video.name, stem), "Observation duration": length,
                "Observation type": "Media file",
                "Time offset (s)": "0.0", "Media duration (s)": length, "FPS": "NA", "Subject": NOBODY,
                "Observation duration by subject by observation": length, "Behavior": label, "Behavior type": kind,
                "Time": f"{at_s:.3f}", "Media file name": video.name, "Image index": "NA", "Comment": note,
            }  # fmt: skip
            writer.writerow([facts.get(name, "") for name in _BORIS])
    return out.getvalue()


# ELAN's tables


def read_elan_tab(path: Path, text: str, labels_from: str = "tier") -> LabelFile:
    """Tiers are labels and annotations their notes; with `labels_from` 'value' annotations are the labels."""
    rows = [(line, row) for line, row in table_rows(path, text, "\t") if not row[0].lstrip('"').startswith("#")]
    found = Gathering(path, "elan-tab")
    header = [cell.strip() for cell in rows[0][1]] if rows else []
    if any(cell.startswith("Begin Time") for cell in header):
        annotations = _headed(found, header, rows[1:])
    else:
        annotations = _headless(found, rows)
    texts = 0
    for place, tier, start, end, value in annotations:
        label, note = (value, tier) if labels_from == "value" else (tier, value)
        texts += bool(note) and labels_from != "value"
        if labels_from == "value" and not value.strip():
            found.leave("annotation", "without a text", place)
            continue
        found.add(found.video(""), label, start, end, place, note=note)
    if texts:
        found.notes.append(f"tiers became labels, and {counted(texts, 'annotation text')} their notes")
    return found.found()


Annotation = tuple[str, str, float, float, str]


def _headed(found: Gathering, header: list[str], rows: Rows) -> Iterator[Annotation]:
    def column(what: str) -> tuple[int, str]:
        for unit in ("ss.msec", "msec", "hh:mm:ss.ms"):
            for name in (f"{what} - {unit}", f"{what} Time - {unit}"):
                if name in header:
                    return header.index(name), unit
        raise InputError(
            "A column of times is missing.", expected=f"{what} Time - ss.msec, msec or hh:mm:ss.ms",
            received=", ".join(header)[:200] or "nothing",
            fix="Export begin and end times.", field="path", place=found.place(1),
        )  # fmt: skip

    (begin, unit), (end, end_unit) = column("Begin"), column("End")
    lasts = max((at for at, name in enumerate(header) if name.startswith(("Begin", "End", "Duration"))), default=0)
    tier = next((at for at, name in enumerate(header) if name.startswith("Tier")), None)
    # Without a column of tiers each tier has a column of its own, under its name.
    texts = [at for at in range(len(header)) if at > lasts]
    for line, row in rows:
        place = found.place(line)
        if len(row) <= max(begin, end):
            raise InputError(
                "A row is cut off.", expected=f"{len(header)} fields", received=f"{len(row)}", fix="Export it again.",
                field="path", place=place,
            )  # fmt: skip
        times = [seconds(row[at], place) / (1000 if kind == "msec" else 1)
                 for at, kind in ((begin, unit), (end, end_unit))]  # fmt: skip
        if tier is not None:
            value = next((row[at] for at in texts if at < len(row) and row[at]), "")
            yield place, row[tier], times[0], times[1], value
        else:
            for at in texts:
                if at < len(row) and row[at].strip():
                    yield place, header[at] or "annotation", times[0], times[1], row[at]


def _headless(found: Gathering, rows: Rows) -> Iterator[Annotation]:
    """Tier, participant, then begin, end and duration in one or more formats, then the text."""
    for line, row in rows:
        place = found.place(line)
        times = [
            at for at, cell in enumerate(row) if at and cell.strip() and cell.strip()[0].isdigit() and _timely(cell)
        ]
        run = [at for position, at in enumerate(times) if at - position == times[0]] if times else []
        formats = len(run) // 3
        if not formats:
            raise InputError(
                "A line has no times where they belong.", expected="tier, participant, begin, end, duration and text",
                received="\t".join(row)[:80], fix="Export it with begin, end and duration.", field="path", place=place,
            )  # fmt: skip
        begin, end = row[run[0]], row[run[formats]]
        whole = begin.strip().isdigit() and end.strip().isdigit()
        factor = 1000 if whole else 1
        value = row[run[formats * 3 - 1] + 1] if len(row) > run[formats * 3 - 1] + 1 else ""
        yield place, row[0] or "annotation", seconds(begin, place) / factor, seconds(end, place) / factor, value


def _timely(cell: str) -> bool:
    return all(letter.isdigit() or letter in ":.," for letter in cell.strip())


def write_elan_tab(doc: TiersDoc) -> str:
    """With a header; times in seconds with three decimals."""
    lines = ["Tier\tParticipant\tBegin Time - ss.msec\tEnd Time - ss.msec\tDuration - ss.msec\tAnnotation"]
    for tier in doc.tiers:
        for one in tier.segments:
            start, end = round(one.start_s, 3), round(one.end_s, 3)
            note = " ".join(one.text.split())
            lines.append(f"{' '.join(tier.name.split())}\t\t{start:.3f}\t{end:.3f}\t{end - start:.3f}\t{note}")
    return "\n".join(lines) + "\n"
