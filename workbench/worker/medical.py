"""What a window may ask about medical images: find, read, bring labels onto a grid, write out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
import numpy as np

from workbench.core.problem import KnownTrouble
from workbench.core.segmenting import ProbabilityMap
from workbench.core.volumes import CaseInfo, VolumeFile
from workbench.worker import review
from workbench.worker.questions import as_asked
from workbench.worker.refining import refine

if TYPE_CHECKING:
    from workbench.worker.interactive import ApplyContext

T = TypeVar("T", bound=msgspec.Struct)


class Place(msgspec.Struct, frozen=True):
    """A dropped path, and which of its series is meant."""

    path: str
    key: str = ""


class LabelPlace(msgspec.Struct, frozen=True):
    """A label file and the image onto whose grid it is to be brought."""

    path: str
    like: VolumeFile
    key: str = ""


class Onto(msgspec.Struct, frozen=True):
    """A volume that was read, and the one onto whose grid it is to be brought."""

    volume: VolumeFile
    like: VolumeFile


class Export(msgspec.Struct, frozen=True):
    """Labels to be written; `source` is the series that a DICOM SEG refers to."""

    labels: VolumeFile
    format: str
    out: str
    source: Place | None = None
    smooth: bool = True
    how: Literal["manual", "semiautomatic", "automatic"] = "semiautomatic"
    model: str = ""


class Convert(msgspec.Struct, frozen=True):
    """A volume to be written as a NIfTI, NRRD or MHA file, by the ending of `out`."""

    path: str
    out: str
    key: str = ""


class Deidentify(msgspec.Struct, frozen=True):
    """DICOM files to be copied without what tells whom they show."""

    path: str
    out: str
    shift_days: int | None = None


class Probabilities(msgspec.Struct, frozen=True):
    """Probability maps of a segmentation to be written as files of their own into the folder `out`."""

    maps: tuple[ProbabilityMap, ...]
    out: str


class Written(msgspec.Struct, frozen=True):
    """Files that were written, and what to know about them."""

    files: list[str]
    notes: list[str] = []


def _volumes(context: ApplyContext) -> Path:
    folder = context.home.cache / "volumes"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _case(arguments: dict[str, Any], context: ApplyContext) -> CaseInfo:
    from workbench.engine.medical.volumes import find

    asked = as_asked(arguments, Place)
    return find(Path(asked.path), context.home.cache / "thumbnails", cancelled=context.cancelled)


def _sample(arguments: dict[str, Any], context: ApplyContext) -> CaseInfo:
    from workbench.engine.medical.samples import write_sample
    from workbench.engine.medical.volumes import find

    try:
        folder = write_sample(context.home.cache / "samples")
    except (OSError, RuntimeError) as error:
        raise KnownTrouble(
            "The sample case cannot be written.", expected="a writable home with room", received=str(error),
            fix="Free some space, or move the home with WORKBENCH_HOME.",
        ) from None  # fmt: skip
    return find(folder, context.home.cache / "thumbnails", cancelled=context.cancelled)


def _volume(arguments: dict[str, Any], context: ApplyContext) -> VolumeFile:
    from workbench.engine.medical.volumes import read

    asked = as_asked(arguments, Place)
    return read(Path(asked.path), asked.key, _volumes(context), cancelled=context.cancelled, told=context.progress)


def _onto(arguments: dict[str, Any], context: ApplyContext) -> VolumeFile | None:
    from workbench.engine.medical.overlaying import onto

    asked = as_asked(arguments, Onto)
    return onto(asked.volume, asked.like, _volumes(context))


def _labels(arguments: dict[str, Any], context: ApplyContext) -> VolumeFile:
    from workbench.engine.medical.labels import read_labels
    from workbench.engine.medical.volumes import cache_name

    asked = as_asked(arguments, LabelPlace)
    path = Path(asked.path)
    facts = f"{cache_name(path, asked.key) if path.exists() else path} {asked.like.path}"
    name = f"labels-{hashlib.sha256(facts.encode('utf-8', 'surrogateescape')).hexdigest()[:20]}.npy"
    return read_labels(path, asked.like, _volumes(context) / name, key=asked.key)


def _export(arguments: dict[str, Any], context: ApplyContext) -> list[str]:
    from workbench.engine.medical.export import export
    from workbench.engine.medical.volumes import dicom_sources

    asked = as_asked(arguments, Export)
    source = None
    if asked.format == "dicom-seg" and asked.source is not None:
        source = dicom_sources(Path(asked.source.path), asked.source.key)
    written = export(
        asked.labels,
        asked.format,
        Path(asked.out),
        source=source,
        smooth=asked.smooth,
        how=asked.how,
        model=asked.model,
    )
    return [str(path) for path in written]


def _probabilities(arguments: dict[str, Any], context: ApplyContext) -> list[str]:
    from workbench.engine.medical.export import save_probability

    asked = as_asked(arguments, Probabilities)
    written: list[str] = []
    for one in asked.maps:
        context.progress(len(written), len(asked.maps))
        written.append(str(save_probability(one, Path(asked.out))))
    return written


def _convert(arguments: dict[str, Any], context: ApplyContext) -> Written:
    from workbench.engine.medical.export import save_volume
    from workbench.engine.medical.volumes import read

    asked = as_asked(arguments, Convert)
    found = read(Path(asked.path), asked.key, _volumes(context), cancelled=context.cancelled)
    array = np.load(found.path, mmap_mode="r", allow_pickle=False)
    return Written([str(save_volume(array, found.meta.geometry, Path(asked.out)))], list(found.notes))


def _deidentify(arguments: dict[str, Any], context: ApplyContext) -> Written:
    from workbench.engine.medical.deidentify import deidentify
    from workbench.engine.medical.volumes import each_dicom

    asked = as_asked(arguments, Deidentify)
    copied = deidentify(
        each_dicom(Path(asked.path)), Path(asked.out), shift_days=asked.shift_days, cancelled=context.cancelled
    )
    return Written([str(path) for path in copied.files], list(copied.notes))


INSPECTORS: Mapping[str, Callable[[dict[str, Any], ApplyContext], Any]] = {
    "case": _case, "volume": _volume, "onto": _onto, "labels": _labels, "export": _export, "convert": _convert,
    "probabilities": _probabilities,
    "deidentify": _deidentify, "sample": _sample, "cases": review.find, "compare": review.compare,
    "agreement": review.agree, "training-set": review.training_set,
    "refine": refine,
}  # fmt: skip
