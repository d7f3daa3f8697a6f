"""What a window may ask about labelled spans: files of annotations in and out, clips of videos as a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from workbench.core.spans import AnnotatedVideo, LabelFile, LabelsWritten, content_digest, counted, within
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.worker.interactive import ApplyContext


class LabelsAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of annotations, in a format or the one it looks like.

    With `video`, a file, only its own annotations, those outside it left out and told. With `of`, a file's name, only
    the spans of that one, where there are such: data sets hold those of thousands.
    """

    path: str
    format: str = ""
    labels_from: Literal["tier", "value"] = "tier"
    video: str = ""
    of: str = ""


class LabelsExport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Annotations to be written; the format by the ending of `out` where none is named."""

    file: LabelFile
    out: str
    format: str = ""


class LabelsConvert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of annotations to be written in another format, without coming by here."""

    asked: LabelsAt
    out: str
    format: str = ""


class ClipsExport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Spans of videos to be written as a list of clips; a video's name is its path."""

    videos: list[AnnotatedVideo]
    out: str


class AtPath(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file."""

    path: str


def read(asked: LabelsAt) -> LabelFile:
    """The annotations of a file; with a video only its own, those outside it left out and told."""
    from workbench.core.framepipe import read_index
    from workbench.core.problem import InputError
    from workbench.engine.video.labelfiles import read_labels

    file = read_labels(Path(asked.path), asked.format, labels_from=asked.labels_from)
    if asked.of:
        one = file.of(Path(asked.of))
        others = [AnnotatedVideo(each.name) for each in file.videos] if len(file.videos) > 1 else file.videos
        file.videos = [one] if one is not None else others
        return file
    if not asked.video:
        return file
    film = Path(asked.video)
    _, index = read_index(film)
    found = file.of(film)
    if found is None:
        names = ", ".join([one.name for one in file.videos][:3])
        raise InputError(
            "This file has no annotations of this video.", expected=film.name,
            received=f"{counted(len(file.videos), 'video')}: {names} …",
            fix="Rename the video, or choose another file.", field="video", place=Path(asked.path).name,
        )  # fmt: skip
    kept, notes = within(found.spans, index.duration_s)
    video = AnnotatedVideo(found.name, kept, index.duration_s, found.split, found.url)
    return LabelFile(file.format, [video], file.labels, file.taxonomy, (*file.notes, *notes))


def _labels(arguments: dict[str, Any], context: ApplyContext) -> LabelFile:
    return read(as_asked(arguments, LabelsAt))


def _export(arguments: dict[str, Any], context: ApplyContext) -> LabelsWritten:
    from workbench.engine.video.labelfiles import write_labels

    asked = as_asked(arguments, LabelsExport)
    return write_labels(asked.file, Path(asked.out), asked.format)


def _convert(arguments: dict[str, Any], context: ApplyContext) -> LabelsWritten:
    from workbench.engine.video.labelfiles import write_labels

    asked = as_asked(arguments, LabelsConvert)
    file = read(asked.asked)
    done = write_labels(file, Path(asked.out), asked.format)
    return msgspec.structs.replace(done, notes=(*file.notes, *done.notes))


def _clips(arguments: dict[str, Any], context: ApplyContext) -> LabelsWritten:
    from workbench.engine.video.clipsets import ClipSpec, write_list

    asked = as_asked(arguments, ClipsExport)
    spans = [(video, one) for video in asked.videos for one in video.spans]
    specs = [ClipSpec(video.name, one.start_s, one.end_s, one.label, video.split) for video, one in spans
             if one.end_s != one.start_s]  # fmt: skip
    out = Path(asked.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_list(out, specs)
    points = len(spans) - len(specs)
    notes = (f"{counted(points, 'event')} at a point left out: they have no length",) if points else ()
    return LabelsWritten(str(out), len(specs), notes)


def _digest(arguments: dict[str, Any], context: ApplyContext) -> str:
    return content_digest(Path(as_asked(arguments, AtPath).path))


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {
    "spans": _labels, "spans-export": _export, "spans-convert": _convert, "spans-clips": _clips,
    "video-digest": _digest,
}  # fmt: skip
