"""A run's last artifacts as pieces of a page: tables, marked texts, pictures. What cannot be shown is named."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core import documents as doc
from workbench.core import events as ev
from workbench.core.problem import InputError, Problem
from workbench.core.words import in_words, number, spaced
from workbench.report.gather import Run

MOST_ROWS, MOST_TEXTS, MOST_LABELS, MOST_POINTS = 60, 12, 24, 4000
MOST_PICTURE_BYTES = 8 << 20
MOST_CHARACTERS = 6000
MOST_CLIPS, MOST_FRAMES = 8, 8


@dataclasses.dataclass(frozen=True)
class Piece:
    """One artifact for a template: `kind` picks the template's block, `content` is what the block needs."""

    title: str
    caption: str
    kind: str
    content: Any = None
    note: str = ""


def pieces(run: Run, *, paper: bool) -> list[Piece]:
    """The newest artifact of every slot."""
    return [_piece(run, known[-1], paper=paper) for known in run.artifacts.values() if known]


def _piece(run: Run, artifact: ev.Artifact, *, paper: bool) -> Piece:
    title = in_words(artifact.slot)
    said = artifact.title if artifact.title.lower() != title.lower() else ""
    caption = " · ".join(filter(None, (said, f"step {spaced(artifact.step)}")))
    make = _MAKERS.get(artifact.kind)
    if make is None:
        note = f"A {artifact.kind or 'file'} that paper cannot show; it is in the run's folder as {artifact.path}."
        return Piece(title, caption, "note", note=note)
    try:
        kind, content, note = make(run.folder.path, artifact, paper)
    except (Problem, OSError, ValueError) as error:
        what = error.what if isinstance(error, Problem) else str(error)
        return Piece(title, caption, "note", note=f"{what} ({artifact.path})")
    return Piece(title, caption, kind, content, note)


Made = tuple[str, Any, str]


def _table(folder: Path, artifact: ev.Artifact, _: bool) -> Made:
    document = doc.read(inside(folder, artifact.path), doc.TableDoc)
    best = [_best_row(document, place) for place in range(len(document.columns))]
    rows = [
        [(_cell(value, column), row == best[place]) for place, (value, column) in enumerate(_paired(cells, document))]
        for row, cells in enumerate(document.rows[:MOST_ROWS])
    ]
    head = [(f"{one.name} ({one.unit})" if one.unit else one.name, one.kind == "number") for one in document.columns]
    return "table", {"head": head, "rows": rows}, _rest(len(document.rows), MOST_ROWS, "rows")


def _paired(cells: list[Any], document: doc.TableDoc) -> list[tuple[Any, doc.Column]]:
    return list(zip(cells, document.columns, strict=False))


def _best_row(document: doc.TableDoc, place: int) -> int:
    end = document.columns[place].best
    values = [row[place] if place < len(row) else None for row in document.rows]
    there = [value for value in values if isinstance(value, int | float)]
    if not end or len(there) < 2:
        return -1
    return values.index(max(there) if end == "high" else min(there))


def _cell(value: Any, column: doc.Column) -> str:
    if value is None:
        return "–"
    if column.kind == "number" and isinstance(value, int | float):
        return f"{value:.{max(0, min(column.digits, 12))}f}" if np.isfinite(value) else "n/a"
    return _cut(str(value), 300)


def _confusion(folder: Path, artifact: ev.Artifact, _: bool) -> Made:
    document = doc.read(inside(folder, artifact.path), doc.ConfusionDoc)
    counts = np.asarray(document.counts, dtype=float)
    if counts.ndim != 2 or counts.shape != (len(document.labels),) * 2 or counts.size == 0:
        raise InputError("This confusion matrix is empty or not square.")
    counts = counts[:MOST_LABELS, :MOST_LABELS]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = [_cut(one, 24) for one in document.labels[: len(counts)]]
    rows = [
        (label, [(int(value), round(float(part), 3)) for value, part in zip(values, parts, strict=True)])
        for label, values, parts in zip(labels, counts, share, strict=True)
    ]
    return "confusion", {"labels": labels, "rows": rows}, _rest(len(document.labels), MOST_LABELS, "classes")


def _spans(folder: Path, artifact: ev.Artifact, _: bool) -> Made:
    document = doc.read(inside(folder, artifact.path), doc.SpansDoc)
    labels = [
        *document.labels,
        *sorted({one.label for text in document.texts for one in text.spans} - {*document.labels}),
    ]
    texts = [
        {"title": text.title, "note": text.note, "parts": marked(text, labels, heat=document.mode == "scores")}
        for text in document.texts[:MOST_TEXTS]
    ]
    return "spans", texts, _rest(len(document.texts), MOST_TEXTS, "texts")


def marked(text: doc.SpannedText, labels: list[str], *, heat: bool) -> list[dict[str, Any]]:
    """The text in stretches, each with its label, its colour's place and its score (0 … 1, signed)."""
    parts: list[dict[str, Any]] = []
    at = 0
    for span in sorted(text.spans, key=lambda one: (one.start, one.end)):
        if span.start < at or span.end > len(text.text) or span.end <= span.start:
            continue  # overlapping or broken stretches keep the plain text
        if span.start > at:
            parts.append({"text": text.text[at : span.start], "mark": False})
        share = max(-1.0, min(1.0, span.score)) if heat else 1.0
        place = labels.index(span.label) if span.label in labels else 0
        parts.append(
            {
                "text": text.text[span.start : span.end],
                "mark": True,
                "label": span.label,
                "place": place,
                "share": share,
            }
        )
        at = span.end
    return [*parts, {"text": _cut(text.text[at:], MOST_CHARACTERS), "mark": False}]


def _text(folder: Path, artifact: ev.Artifact, _: bool) -> Made:
    document = doc.read(inside(folder, artifact.path), doc.TextDoc)
    return "text", _cut(document.text, MOST_CHARACTERS), ""


def _picture(folder: Path, artifact: ev.Artifact, _: bool) -> Made:
    path = inside(folder, artifact.path)
    block = path.read_bytes() if path.stat().st_size <= MOST_PICTURE_BYTES else b""
    if not block:
        return "note", None, f"A picture of {path.stat().st_size / 1e6:.0f} MB, too large for a report: {artifact.path}"
    kind = "png" if block.startswith(b"\x89PNG") else "jpeg" if block.startswith(b"\xff\xd8") else ""
    if not kind:
        raise InputError("This file is not a picture that a report can hold.", expected="PNG or JPEG")
    return "picture", _address(block, kind), ""


def _embedding(folder: Path, artifact: ev.Artifact, paper: bool) -> Made:
    from workbench.report.drawing import colour_of, points_picture

    points = _array(folder, artifact, ndim=2)[:, :2]
    part = artifact.parts.get("items", "")
    items = doc.read(inside(folder, part), doc.ItemsDoc).items if part else []
    labels = [one.label for one in items] if len(items) == len(points) else []
    every = -(-len(points) // MOST_POINTS) or 1
    axes = artifact.meta.get("axes")
    told = msgspec.convert(axes, doc.MapAxes) if axes is not None else None
    drawn = points_picture(
        np.asarray(points[::every]), labels[::every], paper=paper, salt=artifact.path, told=told
    )  # fmt: skip
    known = [(_cut(name, 24), colour_of(place)) for place, name in enumerate(sorted(set(labels)))]
    picture = _address(drawn, "png") if isinstance(drawn, bytes) else drawn
    return "map", {"picture": picture, "inline": isinstance(drawn, str), "legend": known}, f"{len(points)} points"


def _attention(folder: Path, artifact: ev.Artifact, _: bool) -> Made:
    from workbench.report.drawing import heat_picture

    weights = _array(folder, artifact, ndim=3)
    picture = heat_picture(np.asarray(weights, dtype=float).mean(axis=0))
    return "picture", _address(picture, "png"), f"mean over {number(len(weights))} heads"


def _clips(folder: Path, artifact: ev.Artifact, _: bool) -> Made:
    from workbench.report.drawing import clips_picture

    frames = _array(folder, artifact, ndim=5)
    part = artifact.parts.get("items", "")
    items = doc.read(inside(folder, part), doc.ItemsDoc).items if part else []
    if frames.dtype != np.uint8 or frames.shape[-1] != 3 or len(items) not in (0, len(frames)):
        raise InputError("These clips are not what their kind asks for.", expected="(N, T, H, W, 3) with an item each")
    every = -(-frames.shape[1] // MOST_FRAMES)
    lines = [_cut(_judged(one), 80) for one in items[:MOST_CLIPS]] or [""] * min(len(frames), MOST_CLIPS)
    picture = clips_picture(np.asarray(frames[:MOST_CLIPS, ::every]), lines)
    return "picture", _address(picture, "png"), _rest(len(frames), MOST_CLIPS, "clips")


def _judged(item: doc.Item) -> str:
    if not item.predicted or not item.label:
        return item.predicted or item.label or item.text
    if item.predicted == item.label:
        return f"{item.label} ({item.score:.2f})"
    return f"{item.label}, taken for {item.predicted} ({item.score:.2f})"


def _array(folder: Path, artifact: ev.Artifact, *, ndim: int) -> NDArray[Any]:
    found = np.load(inside(folder, artifact.path), mmap_mode="r", allow_pickle=False)
    if not isinstance(found, np.ndarray) or found.ndim != ndim or found.dtype.kind not in "biuf" or found.size == 0:
        raise InputError("This array is not what its kind asks for.", expected=f"numbers with {ndim} axes")
    return found


_MAKERS: dict[str, Callable[[Path, ev.Artifact, bool], Made]] = {
    "table": _table, "confusion": _confusion, "spans": _spans, "text": _text, "image": _picture,
    "image-grid": _picture, "frame": _picture, "embedding": _embedding, "attention": _attention,
    "clips": _clips,
}  # fmt: skip


def inside(folder: Path, relative: str) -> Path:
    """A path of the run; run folders are mailed around, so one that leads out of it is refused."""
    path = (folder / relative).resolve()
    if not relative or not path.is_relative_to(folder.resolve()):
        raise InputError("A file named by this run lies outside its folder.", received=relative or "an empty path")
    return path


def _address(block: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(block).decode()}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + " …"


def _rest(there: int, most: int, noun: str) -> str:
    return f"The first {most} of {spaced(there)} {noun}." if there > most else ""
