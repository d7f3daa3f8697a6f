"""Labels of a case below the home: what was loaded or begun, and the edits on it that outlive the window.

A case is known by a digest of its path and series, so that neither file names nor names of patients
stand here. Every label array lies as it was read, with its edits beside it (gui/volumes/drafts.py).
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.review import case_id
from workbench.core.volumes import VolumeFile, VolumeMeta
from workbench.gui.volumes.drafts import edits_path

INDEX = "labels.json"


class LabelSet(msgspec.Struct, frozen=True):
    """A label array of a case, by its file's name in the case's folder; `begun` here, or read from a file."""

    file: str
    meta: VolumeMeta
    begun: bool
    model: str = ""
    """What made them, with its version; empty where they were read or begun."""


class KeptLabels(msgspec.Struct):
    """Every label set of a case, the one that was opened last at the end."""

    sets: list[LabelSet] = []


def case_folder(edits: Path, path: Path, key: str) -> Path:
    """Where the labels of a case are kept below the home's edits."""
    return edits / "cases" / case_id(path, key)


def reader_folder(folder: Path, reader: str) -> Path:
    """Where one reader's labels of a case are kept, so that readers do not start from each other's corrections."""
    return folder / f"reader-{hashlib.sha256(reader.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"


def adopt(folder: Path, own: Path) -> None:
    """Offer a reader who begins a case what models and files gave to anybody, without anybody's edits.

    Raises InputError, OSError.
    """
    if kept(own).sets:
        return
    for place in [*sorted(folder.glob("reader-*")), folder]:
        for one in kept(place).sets if place != own else ():
            if not one.begun and (place / one.file).exists():
                own.mkdir(parents=True, exist_ok=True)
                if not (own / one.file).exists():
                    scratch = own / f"{one.file}.tmp"
                    shutil.copyfile(place / one.file, scratch)
                    scratch.replace(own / one.file)
                _list(own, one)


def kept(folder: Path) -> KeptLabels:
    """What is kept of a case; raises InputError where the list is damaged."""
    try:
        return msgspec.json.decode((folder / INDEX).read_bytes(), type=KeptLabels)
    except FileNotFoundError:
        return KeptLabels()
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(
            "The labels kept of this case cannot be listed.", expected="a whole list of labels", received=str(error),
            fix="Move the file away to begin anew; the label arrays beside it stay.", place=str(folder / INDEX),
        ) from None  # fmt: skip


def note_use(folder: Path, labels: LabelSet) -> None:
    """These are the labels opened last from now on; raises InputError, OSError."""
    _list(folder, labels)


def has_edits(folder: Path, labels: LabelSet) -> bool:
    """Whether somebody changed these labels and has not taken it all back."""
    return edits_path(folder / labels.file).exists()


def edited(folder: Path) -> list[LabelSet]:
    """The label sets that have edits on them, the one opened last at the end; raises InputError."""
    return [one for one in kept(folder).sets if has_edits(folder, one)]


def take_in(folder: Path, labels: VolumeFile, *, model: str = "") -> LabelSet:
    """Keep labels that were read or made by a model: clearing a cache costs no edit; raises InputError, OSError."""
    source = Path(labels.path)
    with source.open("rb") as file:
        facts = hashlib.file_digest(file, "sha256").hexdigest() + model  # two models may find the same, or nothing
        name = f"{'model' if model else 'read'}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}.npy"
    if not (folder / name).exists():
        folder.mkdir(parents=True, exist_ok=True)
        scratch = folder / f"{name}.tmp"
        shutil.copyfile(source, scratch)
        scratch.replace(folder / name)
    return _list(folder, LabelSet(name, msgspec.structs.replace(labels.meta, title=""), begun=False, model=model))


def begin(folder: Path, shape: tuple[int, ...], meta: VolumeMeta) -> LabelSet:
    """An empty label array of shape (z, y, x) that no edit has touched yet; raises InputError, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    unused = (one for one in kept(folder).sets if one.begun and not edits_path(folder / one.file).exists())
    taken = next((one for one in unused if _fits(folder / one.file, shape)), None)
    if taken is not None:
        return _list(folder, msgspec.structs.replace(taken, meta=meta))
    number = 1
    while (folder / f"new-{number}.npy").exists():
        number += 1
    scratch = folder / f"new-{number}.npy.tmp"
    np.lib.format.open_memmap(scratch, "w+", np.uint8, shape).flush()
    scratch.replace(folder / f"new-{number}.npy")
    return _list(folder, LabelSet(f"new-{number}.npy", meta, begun=True))


def _fits(path: Path, shape: tuple[int, ...]) -> bool:
    try:
        array: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return array.shape == shape


def _list(folder: Path, labels: LabelSet) -> LabelSet:
    """Put a label set at the end of the list."""
    sets = [one for one in kept(folder).sets if one.file != labels.file]
    scratch = folder / f"{INDEX}.tmp"
    scratch.write_bytes(msgspec.json.encode(KeptLabels([*sets, labels])))
    scratch.replace(folder / INDEX)
    return labels
