"""Files of labelled spans, in and out: which format a file is in, and which reader or writer that has."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from workbench.core.audio import TiersDoc
from workbench.core.problem import InputError, did_you_mean
from workbench.core.spans import LABEL_FORMATS, AnnotatedVideo, LabelFile, LabelsWritten, counted, tracks_of
from workbench.engine.video import labeldocs, labellines, labeltables
from workbench.engine.video.labelreading import table_rows, text_of

ENDINGS = {".eaf": "eaf", ".srt": "srt", ".csv": "csv", ".json": "activitynet", ".tsv": "boris", ".lst": "list"}
SNIFFED_CHARACTERS = 20_000


def read_labels(path: Path, form: str = "", *, labels_from: str = "tier") -> LabelFile:
    """The annotations of a file, in a named format or the one that it looks like.

    `labels_from` tells whether tiers (ELAN) or the texts of annotations ('value') are the labels. Raises InputError
    naming file and line where it is missing, of another kind, or damaged.
    """
    if form and form not in LABEL_FORMATS:
        raise InputError(
            f"There is no format {form!r} of annotations.", expected=", ".join(LABEL_FORMATS), received=form,
            fix=did_you_mean(form, LABEL_FORMATS), field="format",
        )  # fmt: skip
    text = text_of(path)
    form = form or format_of(path, text)
    if form in ("eaf", "elan-tab"):
        read = labeldocs.read_eaf if form == "eaf" else labeltables.read_elan_tab
        return read(path, text, labels_from)
    return _READERS[form](path, text)


_READERS: Mapping[str, Callable[[Path, str], LabelFile]] = {
    "csv": labeltables.read_csv, "kinetics": lambda path, text: labeltables.read_csv(path, text, "kinetics"),
    "boris": labeltables.read_boris, "activitynet": labeldocs.read_activitynet, "ssv2": labeldocs.read_ssv2,
    "list": labellines.read_list, "charades-sta": labellines.read_charades, "srt": labellines.read_srt,
}  # fmt: skip


def format_of(path: Path, text: str) -> str:
    """Which format a text is in, by its ending and its beginning."""
    suffix, head = path.suffix.lower(), text[:SNIFFED_CHARACTERS]
    first = next((line for line in head.split("\n") if line.strip()), "")
    if suffix in (".eaf", ".srt"):
        return ENDINGS[suffix]
    if first.lstrip().startswith(("{", "[")):
        # A list of clips, or the numbers of labels; what is neither is told by ActivityNet's reader.
        keyed = '"database"' in text or '"results"' in text
        return (
            "ssv2" if first.lstrip().startswith("[") or (not keyed and '"annotations"' not in head) else "activitynet"
        )
    if first.lstrip().startswith("<"):
        return "eaf"
    if "##" in first:
        return "charades-sta"
    if "Begin Time" in first or (suffix != ".csv" and first.count("\t") >= 4 and "Behavior" not in head):
        return "elan-tab"
    if "-->" in head and suffix == ".txt":
        return "srt"
    return _table_format(path, head, first)


def _table_format(path: Path, head: str, first: str) -> str:
    delimiter = labeltables.delimiter_of(first)
    if "Behavior" in head:
        try:
            rows = list(table_rows(path, head.rpartition("\n")[0] or head, "\t" if "\t" in head else delimiter))
        except InputError:
            rows = []
        if labeltables.boris_header(rows) >= 0:
            return "boris"
    at = labeltables.columns_of(first.rstrip("\r").split(delimiter))
    if "youtube_id" in first and "time_start" in first:
        return "kinetics"
    return "csv" if "label" in at or "start" in at else "list"


def write_labels(file: LabelFile, out: Path, form: str = "") -> LabelsWritten:
    """Write annotations in a format (by the ending of `out` where none is named), telling what it cannot hold.

    Raises InputError where the format is unknown, holds one video and there are several, or nothing is left to write.
    """
    form = form or ENDINGS.get(out.suffix.lower(), "")
    if form not in LABEL_FORMATS:
        raise InputError(
            f"Annotations cannot be written as {form or out.suffix or 'a file without an ending'}.",
            expected=", ".join(LABEL_FORMATS), received=form or out.name, fix=did_you_mean(form, LABEL_FORMATS),
            field="format",
        )  # fmt: skip
    text, notes = _written(file, out, form)
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f"{out.name}.{os.getpid()}.tmp")
    scratch.write_text(text, encoding="utf-8", newline="\n")
    scratch.replace(out)
    return LabelsWritten(str(out), file.count, tuple(notes))


_WRITERS: Mapping[str, Callable[[LabelFile, str], tuple[str, list[str]]]] = {
    "csv": labeltables.write_csv, "kinetics": labeltables.write_kinetics, "activitynet": labeldocs.write_activitynet,
    "ssv2": labeldocs.write_ssv2, "list": labellines.write_list, "charades-sta": labellines.write_charades,
}  # fmt: skip


def _written(file: LabelFile, out: Path, form: str) -> tuple[str, list[str]]:
    if form in _WRITERS:
        return _WRITERS[form](file, out.stem)
    tracks = [(video, *_tracks(video, file.labels if form == "eaf" else ())) for video in file.videos]
    notes = list(dict.fromkeys(note for _, _, told in tracks for note in told))
    notes += labeltables.dropped(file, score=True)
    if form == "boris":
        pairs = [(video, doc) for video, doc, _ in tracks]
        delimiter = "\t" if out.suffix.lower() == ".tsv" else ","
        return labeltables.write_boris(pairs, out.stem, delimiter), [
            *notes, *_rounded(file), *labeltables.unused(file)
        ]  # fmt: skip
    if len(tracks) != 1:
        raise InputError(
            "This format holds the annotations of one video.", expected="one video",
            received=counted(len(tracks), "video"), fix="Choose one of them, or CSV or ActivityNet for all.",
            field="format",
        )  # fmt: skip
    video, doc, _ = tracks[0]
    if form == "eaf":
        text, more = labeldocs.write_eaf(video, doc)
    elif form == "srt":
        text, more = labellines.write_srt(doc)
        more = [*more, *labeltables.unused(file)]
    else:
        text, more = labeltables.write_elan_tab(doc), labeltables.unused(file)
    return text, [*notes, *more, *_rounded(file)]


def _tracks(video: AnnotatedVideo, labels: tuple[str, ...]) -> tuple[TiersDoc, list[str]]:
    """Spans with their ends; those of a video whose length is not known are told."""
    ended = [
        msgspec.structs.replace(one, end_s=video.duration_s) if one.end_s is None and video.duration_s else one
        for one in video.spans
    ]
    whole = [one for one in ended if one.end_s is not None]
    doc, notes = tracks_of(whole, labels)
    notes = [*notes, *labeltables.without_end(len(ended) - len(whole))]
    return doc, notes


def _rounded(file: LabelFile) -> list[str]:
    times = [time for video in file.videos for one in video.spans for time in (one.start_s, one.end_s) if time]
    moved = sum(abs(round(time, 3) - time) > 1e-9 for time in times)
    return [f"{counted(moved, 'time')} rounded to a millisecond"] if moved else []
