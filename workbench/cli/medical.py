"""`medical`: what lies in a folder of images, volumes in other formats, labels out, copies without the patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from workbench.cli.follow import answer
from workbench.cli.output import json_line, say, table, tell
from workbench.cli.parser import Namespace, Parser, stop_at
from workbench.cli.running import runner_of
from workbench.core.volumes import CaseInfo, VolumeFile
from workbench.core.words import count
from workbench.store.home import open_home

WITHIN_S = 3600.0
FORMATS = ("nifti", "nrrd", "mha", "dicom-seg", "stl", "ply", "csv")


def ask(asked: Namespace, what: str, **arguments: Any) -> bytes:
    """The worker's answer as JSON."""
    stop_at(asked.problems)
    with runner_of(open_home(asked.home)) as runner:
        return bytes(answer(runner.inspect(what, **arguments), WITHIN_S))


def full(path: Path) -> str:
    """A path as the worker understands it."""
    # The worker has a working folder of its own.
    return str(path.expanduser().absolute())


def show(asked: Namespace) -> int:
    """`medical show PATH`: the series that can be loaded from it."""
    found = msgspec.json.decode(ask(asked, "case", path=full(asked.path)), type=CaseInfo)
    if asked.json:
        json_line(found)
        return 0
    rows = [
        [
            one.key, one.title, one.modality or "–", " × ".join(map(str, one.shape)),
            " × ".join(f"{value:.3g}" for value in one.spacing_mm or ()), one.problem or one.detail,
        ]
        for one in found.series
    ]  # fmt: skip
    table(rows, ["key", "title", "modality", "voxels", "mm", "note"])
    for note in found.notes:
        tell(note)
    return 0


def convert(asked: Namespace) -> int:
    """`medical convert PATH --to FILE`: a series as a NIfTI, NRRD or MHA file."""
    return _wrote(asked, ask(asked, "convert", path=full(asked.path), key=asked.series, out=full(asked.to)))


def export(asked: Namespace) -> int:
    """`medical export LABELS --as FORMAT --out PATH`: labels in another format, over their images where needed."""
    source = asked.source or asked.labels
    like = msgspec.json.decode(ask(asked, "volume", path=full(source), key=asked.series), type=VolumeFile)
    labels = msgspec.json.decode(
        ask(asked, "labels", path=full(asked.labels), like=msgspec.to_builtins(like)), type=VolumeFile
    )
    place = {"path": full(asked.source), "key": asked.series} if asked.source else None
    files = ask(
        asked, "export", labels=msgspec.to_builtins(labels), format=asked.format, out=full(asked.out), source=place,
        smooth=not asked.stepped,
    )  # fmt: skip
    return _wrote(asked, msgspec.json.encode({"files": msgspec.Raw(files), "notes": labels.notes}))


def deidentify(asked: Namespace) -> int:
    """`medical deidentify PATH --out FOLDER`: copies of DICOM files that do not tell whom they show."""
    document = ask(asked, "deidentify", path=full(asked.path), out=full(asked.out), shift_days=asked.shift_days)
    return _wrote(asked, document)


def _wrote(asked: Namespace, document: bytes) -> int:
    told = msgspec.json.decode(document)
    if asked.json:
        json_line(told)
        return 0
    for note in told["notes"]:
        tell(note)
    if len(told["files"]) > 10:
        say(f"{count(len(told['files']), 'file')} in {Path(told['files'][0]).parent.parent}")
        return 0
    for file in told["files"]:
        say(file)
    return 0


def _path(deed: Parser) -> None:
    deed.add_argument(
        "path", type=Path, metavar="PATH", help="a DICOM folder, or a file (DICOM, NIfTI, NRRD, MHA, PNG …)"
    )


def _series(deed: Parser) -> None:
    deed.add_argument("--series", default="", metavar="KEY", help="which one, as 'medical show' lists them")


def show_arguments(deed: Parser) -> None:
    """The flags of `medical show`."""
    _path(deed)


def convert_arguments(deed: Parser) -> None:
    """The flags of `medical convert`."""
    _path(deed)
    deed.add_argument(
        "--to", type=Path, required=True, metavar="FILE", help="ends in .nii.gz, .nii, .nrrd, .mha or .mhd"
    )
    _series(deed)


def export_arguments(deed: Parser) -> None:
    """The flags of `medical export`."""
    deed.add_argument("labels", type=Path, metavar="LABELS", help="a label file: NIfTI, NRRD, MHA or DICOM SEG")
    deed.add_argument("--as", dest="format", required=True, metavar="FORMAT", help=", ".join(FORMATS))
    deed.add_argument("--out", type=Path, required=True, metavar="PATH", help="a file, or a folder to name it in")
    deed.add_argument(
        "--source", type=Path, default=None, metavar="PATH", help="the images; a DICOM SEG needs its series"
    )
    _series(deed)
    deed.add_argument("--stepped", action="store_true", help="surfaces with the voxels' steps, not smoothed")


def deidentify_arguments(deed: Parser) -> None:
    """The flags of `medical deidentify`."""
    _path(deed)
    deed.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the copies go")
    deed.add_argument(
        "--shift-days", type=int, default=None, metavar="N", help="move dates by so many days; removed without"
    )
