"""Annotations in documents: ActivityNet's and Something-Something's JSON, ELAN's XML.

ActivityNet: Caba Heilbron et al. 2015, `database` of annotated and `results` of recognised segments. ELAN: EAF 3.0,
time slots in milliseconds. Something-Something V2: Goyal et al. 2017, entries of whole videos with a template.
"""

from __future__ import annotations

import datetime
import itertools
import mimetypes
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import msgspec

from workbench.core.audio import TiersDoc
from workbench.core.problem import InputError
from workbench.core.spans import AnnotatedVideo, LabelFile, counted
from workbench.core.words import spaced
from workbench.engine.video.labelreading import LONGEST_S, Gathering
from workbench.engine.video.labeltables import dropped, id_of, of_parts, without_end

T = TypeVar("T")
MOST_NOTED = 5


def json_of(path: Path, text: str) -> Any:
    """A document; raises InputError with the line at which it is damaged."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        words = str(error)
        digits = "".join(itertools.takewhile(str.isdigit, words.rpartition("byte ")[2]))
        ends = int(digits) if digits else None if "truncated" in words else 0
        line = text.rstrip().encode().count(b"\n", 0, ends) + 1
        raise InputError(
            "This JSON is damaged.", expected="a whole JSON document", received=words[:200],
            fix="It may be cut off: copy or export it again.", field="path", place=f"{path.name}, line {line}",
        ) from None  # fmt: skip


def _as(value: Any, kind: type[T], place: str) -> T:
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(
            "An entry of this JSON is not what it should be.", expected=kind.__doc__ or "an entry of the format",
            received=str(error)[:200], fix="Check what wrote it.", field="path", place=place,
        ) from None  # fmt: skip


# ActivityNet


class _Noted(msgspec.Struct):
    """segment [start, end] in seconds, and a label"""

    segment: tuple[float, float]
    label: str
    score: float = 1.0
    note: str = ""


class _Entry(msgspec.Struct):
    """duration, subset, and annotations with segment and label"""

    annotations: list[Any] = []
    duration: float = 0.0
    subset: str = ""
    url: str = ""


def read_activitynet(path: Path, text: str) -> LabelFile:
    """`database` of annotations with its taxonomy, or `results` with scores."""
    whole = json_of(path, text)
    database = whole.get("database", whole.get("results")) if isinstance(whole, dict) else None
    if not isinstance(database, dict):
        raise InputError(
            "This is not a file of ActivityNet.", expected="an object with database or results",
            received=(", ".join(whole)[:120] or "nothing in it") if isinstance(whole, dict) else type(whole).__name__,
            fix="Choose activity_net.v1-3.min.json or one like it.", field="path", place=path.name,
        )  # fmt: skip
    found = Gathering(path, "activitynet")
    for name, raw in database.items():
        where = f"{path.name}, {name}"
        entry = _as({"annotations": raw} if isinstance(raw, list) else raw, _Entry, where)
        video = found.video(name, entry.subset)
        video.duration_s, video.url = max(entry.duration, 0.0), entry.url
        for at, one in enumerate(entry.annotations):
            place = f"{where}, annotation {at + 1}"
            noted = _as(one, _Noted, place)
            if not all(abs(value) <= LONGEST_S for value in noted.segment):
                raise InputError(
                    "A time is out of all bounds.", expected=f"seconds up to {spaced(LONGEST_S)}",
                    received=str(noted.segment)[:80], fix="Seconds are meant.", field="path", place=place,
                )  # fmt: skip
            found.add(video, noted.label, *noted.segment, place, score=noted.score, note=noted.note)
    taxonomy = whole.get("taxonomy", [])
    if not isinstance(taxonomy, list) or not all(isinstance(node, dict) for node in taxonomy):
        raise InputError(
            "The taxonomy is none.", expected="a list of nodes with nodeName and parentName",
            received=type(taxonomy).__name__, fix="Check what wrote it.", field="path", place=f"{path.name}, taxonomy",
        )  # fmt: skip
    parents = {str(node.get("parentName")) for node in taxonomy}
    found.labels = [str(node["nodeName"]) for node in taxonomy
                    if str(node.get("nodeName", "")) not in (*parents, "")]  # fmt: skip
    return found.found(taxonomy=taxonomy)


def write_activitynet(file: LabelFile, stem: str) -> tuple[str, list[str]]:
    """A database with a taxonomy; scores and notes stand beside the labels where there are any."""
    database, endless = {}, 0
    for video in file.videos:
        noted = []
        for one in video.spans:
            end = one.end_s if one.end_s is not None else video.duration_s
            if not end and one.end_s is None:
                endless += 1
                continue
            more = {"score": one.score} if one.score != 1 else {}
            noted.append({"segment": [one.start_s, end], "label": one.label, **more,
                          **({"note": one.note} if one.note else {})})  # fmt: skip
        entry: dict[str, Any] = {"duration": video.duration_s, "subset": video.split, "annotations": noted}
        if video.url:
            entry["url"] = video.url
        # One entry a video: the same one in two splits would take the place of itself.
        name, number = id_of(video.name, stem) if "." in video.name else video.name or stem, 2
        while name in database:
            name, number = f"{id_of(video.name, stem)} {number}", number + 1
        database[name] = entry
    labels = dict.fromkeys([*file.labels, *(one.label for video in file.videos for one in video.spans)])
    taxonomy = file.taxonomy or [
        {"nodeName": "Root", "nodeId": 0, "parentName": None, "parentId": None},
        *({"nodeName": name, "nodeId": at, "parentName": "Root", "parentId": 0} for at, name in enumerate(labels, 1)),
    ]  # fmt: skip
    whole = {"version": "VERSION 1.3", "taxonomy": taxonomy, "database": database}
    return msgspec.json.format(msgspec.json.encode(whole), indent=1).decode() + "\n", without_end(endless)


# Something-Something


class _Clip(msgspec.Struct):
    """id, label and template of a clip"""

    id: str
    label: str = ""
    template: str = ""


def _without_brackets(template: str) -> str:
    return template.replace("[", "").replace("]", "")


def read_ssv2(path: Path, text: str) -> LabelFile:
    """Labels are templates without brackets; what was really said is the note. Also labels.json alone."""
    whole = json_of(path, text)
    found = Gathering(path, "ssv2")
    if isinstance(whole, dict):
        numbered = _as(whole, dict[str, int], path.name)
        found.labels = sorted(numbered, key=lambda name: numbered[name])
        return found.found()
    if not isinstance(whole, list):
        raise InputError(
            "This is not a file of Something-Something.", expected="a list of entries with id and label",
            received=type(whole).__name__, fix="Choose something-something-v2-train.json or one like it.",
            field="path", place=path.name,
        )  # fmt: skip
    for at, raw in enumerate(whole):
        place = f"{path.name}, entry {at + 1}"
        one = _as(raw, _Clip, place)
        label = _without_brackets(one.template) or one.label
        if not label:
            found.leave("video", "without a label", f"{one.id}, {place}")
            continue
        found.add(found.video(one.id), label, 0.0, None, place, note=one.label if one.label != label else "")
    beside = path.with_name("labels.json")
    if beside.is_file() and beside != path:
        found.labels = list(read_ssv2(beside, beside.read_text("utf-8-sig")).labels)
    return found.found()


def write_ssv2(file: LabelFile, stem: str) -> tuple[str, list[str]]:
    """An entry for each label of a whole video; stretches of videos cannot be held."""
    entries, partial = [], 0
    for video in file.videos:
        for one in video.spans:
            if is_whole(one.start_s, one.end_s, video.duration_s):
                entries.append({"id": id_of(video.name, stem), "label": one.note or one.label, "template": one.label,
                                "placeholders": []})  # fmt: skip
            else:
                partial += 1
    return msgspec.json.format(msgspec.json.encode(entries), indent=1).decode() + "\n", [
        *dropped(file, score=True), *of_parts(partial)
    ]  # fmt: skip


def is_whole(start_s: float, end_s: float | None, duration_s: float) -> bool:
    """Whether a span is all of its video."""
    return start_s == 0 and (end_s is None or (duration_s > 0 and end_s >= duration_s))


# ELAN


def xml_of(path: Path, text: str) -> ElementTree.Element:
    """A document's root; one that declares entities, or a type of its own, is refused before it is read."""
    checking = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise InputError(
            "This XML declares a document type or entities.", expected="an EAF document, which has neither",
            received="<!DOCTYPE", fix="Save it with ELAN again.", field="path",
            place=f"{path.name}, line {checking.CurrentLineNumber}",
        )  # fmt: skip

    checking.StartDoctypeDeclHandler = checking.EntityDeclHandler = refuse
    deep = itertools.count()
    levels = [0]

    def down(*_: object) -> None:
        levels[0] += 1
        if levels[0] > 100 or next(deep) > 10_000_000:
            refuse()

    def up(_: str) -> None:
        levels[0] -= 1

    checking.StartElementHandler, checking.EndElementHandler = down, up
    try:
        # What a text in Python says of its encoding is no longer true.
        plain = text.partition("?>")[2] if text.lstrip().startswith("<?xml") else text
        skipped = text[: len(text) - len(plain)].count("\n")
        checking.Parse(plain, True)
        return ElementTree.fromstring(plain)  # noqa: S314 (entities were refused)
    except (expat.ExpatError, ElementTree.ParseError) as error:
        raise InputError(
            "This XML is damaged.", expected="a whole EAF document", received=str(error)[:200],
            fix="It may be cut off: copy it again, or save it with ELAN.", field="path",
            place=f"{path.name}, line {checking.ErrorLineNumber + skipped}",
        ) from None  # fmt: skip


def read_eaf(path: Path, text: str, labels_from: str = "tier") -> LabelFile:
    """Tiers with times are labels and annotations their notes; with `labels_from` 'value' annotations are labels."""
    root = xml_of(path, text)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise InputError(
            "This XML is not ELAN's.", expected="ANNOTATION_DOCUMENT", received=root.tag[:80],
            fix="Choose an .eaf file.", field="path", place=path.name,
        )  # fmt: skip
    slots: dict[str, float | None] = {}
    for slot in root.iterfind("TIME_ORDER/TIME_SLOT"):
        raw = slot.get("TIME_VALUE")
        if raw is not None and not (raw.isdecimal() and len(raw) <= 12):
            raise InputError(
                "A time slot has no time.", expected="whole milliseconds", received=raw[:80] or "nothing",
                fix="Save it with ELAN again.", field="path", place=f"{path.name}, {slot.get('TIME_SLOT_ID', '?')}",
            )  # fmt: skip
        slots[slot.get("TIME_SLOT_ID", "")] = None if raw is None else int(raw) / 1000
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    name = (media.get("MEDIA_URL") or media.get("RELATIVE_MEDIA_URL") or "") if media is not None else ""
    found = Gathering(path, "eaf")
    video = found.video(name.replace("\\", "/").rpartition("/")[2])
    texts = 0
    for tier in root.iterfind("TIER"):
        label = tier.get("TIER_ID", "") or "annotation"
        if tier.get("PARENT_REF") is None and labels_from == "tier":
            found.labels.append(label)
        for one in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
            place = f"{path.name}, {one.get('ANNOTATION_ID', '?')}"
            refs = (one.get("TIME_SLOT_REF1", ""), one.get("TIME_SLOT_REF2", ""))
            if any(ref not in slots for ref in refs):
                raise InputError(
                    "An annotation leans on a time slot that is not there.", expected="two time slots",
                    received=", ".join(refs)[:80], fix="Save it with ELAN again.", field="path", place=place,
                )  # fmt: skip
            start, end = (slots[ref] for ref in refs)
            value = (one.findtext("ANNOTATION_VALUE") or "").strip()
            if start is None or end is None:
                found.leave("annotation", "whose times are not set", place)
            elif labels_from == "value" and not value:
                found.leave("annotation", "without a text", place)
            else:
                what, note = (value, label) if labels_from == "value" else (label, value)
                texts += bool(note) and labels_from == "tier"
                found.add(video, what, start, end, place, note=note)
        for _ in tier.iterfind("ANNOTATION/REF_ANNOTATION"):
            found.leave("annotation", "of a tier without times of its own", label)
    if texts:
        found.notes.append(f"tiers became labels, and {counted(texts, 'annotation text')} their notes")
    return found.found()


def write_eaf(video: AnnotatedVideo, doc: TiersDoc) -> tuple[str, list[str]]:
    """A tier for each label, annotations with their notes; times in milliseconds."""
    tiers: list[str] = []
    rows = [(tier, one, round(one.start_s * 1000), round(one.end_s * 1000)) for tier in doc.tiers
            for one in tier.segments]  # fmt: skip
    kept = [row for row in rows if row[3] > row[2]]
    # Slots stand in order of time, each annotation with two of its own.
    ends = sorted((time, at, which) for at, row in enumerate(kept) for which, time in ((0, row[2]), (1, row[3])))
    slots = {(at, which): f"ts{number}" for number, (_, at, which) in enumerate(ends, 1)}
    for tier in doc.tiers:
        lines = [
            f'        <ANNOTATION>\n            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a{at + 1}" '
            f'TIME_SLOT_REF1="{slots[at, 0]}" TIME_SLOT_REF2="{slots[at, 1]}">\n                <ANNOTATION_VALUE>'
            f"{escape(row[1].text)}</ANNOTATION_VALUE>\n            </ALIGNABLE_ANNOTATION>\n        </ANNOTATION>\n"
            for at, row in enumerate(kept) if row[0] is tier
        ]  # fmt: skip
        named = f'    <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID={quoteattr(tier.name)}>\n'
        tiers.append(f"{named}{''.join(lines)}    </TIER>\n")
    ordered = "".join(
        f'        <TIME_SLOT TIME_SLOT_ID="ts{number}" TIME_VALUE="{time}"/>\n'
        for number, (time, _, _) in enumerate(ends, 1)
    )
    mime = mimetypes.guess_type(video.name)[0] or "video/mp4"
    short = len(rows) - len(kept)
    media = (
        f'        <MEDIA_DESCRIPTOR MEDIA_URL={quoteattr("file:///" + video.name)} MIME_TYPE="{mime}" '
        f"RELATIVE_MEDIA_URL={quoteattr('./' + video.name)}/>\n" if video.name else ""
    )  # fmt: skip
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    told = [f"{counted(short, 'span')} shorter than a millisecond not written: ELAN has no points"] if short else []
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ANNOTATION_DOCUMENT AUTHOR="" DATE="{date}" FORMAT="3.0" VERSION="3.0" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">\n'
        f'    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">\n{media}    </HEADER>\n'
        f"    <TIME_ORDER>\n{ordered}    </TIME_ORDER>\n{''.join(tiers)}"
        '    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>\n'
        "</ANNOTATION_DOCUMENT>\n"
    ), told
