"""Data sets as they lie on a disk after unpacking: BraTS 2020, TCGA-LGG (kaggle_3m), Decathlon and nnU-Net trees."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from workbench.core.problem import InputError, Problem, Problems
from workbench.core.volumes import Label
from workbench.core.words import count
from workbench.engine.medical.cases import parts_of
from workbench.engine.medical.patients import patient_in

Layout = Literal["BraTS", "TCGA-LGG", "Decathlon", "nnU-Net"]
SEQUENCES = ("FLAIR", "T1", "T1ce", "T2")
BRATS_LABELS = (Label(1, "Necrotic core"), Label(2, "Oedema"), Label(4, "Enhancing tumour"))
MOST_COMPLAINTS = 20
VOLUME_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".png", ".tif", ".tiff")


class DataCase(msgspec.Struct, frozen=True):
    """One case: image paths by sequence ('path#2' is the second frame of a four-dimensional file).

    `label` is empty for cases without one; `slices` holds (image, mask) of data sets that keep every
    slice in a file of its own, in the order of the slices. Cases of one `patient` belong into one split.
    """

    id: str
    patient: str
    images: dict[str, str] = {}
    label: str = ""
    slices: tuple[tuple[str, str], ...] = ()
    split: Literal["train", "validation", "test"] = "train"


class DataTree(msgspec.Struct, frozen=True):
    """A whole data set: its layout, its cases, and what the values of its labels mean."""

    layout: Layout
    path: str
    cases: tuple[DataCase, ...]
    labels: tuple[Label, ...] = ()
    modality: Literal["", "CT", "MR"] = ""
    notes: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    """Patients on whom the model to be continued from was trained already: to be learnt from, never tested on."""


def read_tree(folder: Path) -> DataTree:
    """The data set at a folder, whichever of the known layouts it has.

    Raises InputError naming the case and the file when something is missing (several at once, if so).
    """
    if not folder.is_dir():
        raise InputError(
            "There is no data set at this path.", expected="a folder", received=str(folder),
            fix="Unpack the archive and choose its folder.", field="data", place=folder.name,
        )  # fmt: skip
    readers: list[tuple[Callable[[Path], bool], Callable[[Path], DataTree]]] = [
        (_is_json_tree, _json_tree), (_is_lgg, tcga_lgg), (_is_brats, brats),
    ]  # fmt: skip
    inside = [folder, *sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))[:20]]
    for place in inside:
        for fits, reader in readers:
            if fits(place):
                return reader(place)
    raise InputError(
        "The layout of this data set is not known.",
        expected="BraTS (…/BraTS20_Training_001/…_flair.nii), TCGA-LGG (kaggle_3m/TCGA_…), or a tree with dataset.json "
        "and imagesTr (Decathlon, nnU-Net)",
        received=", ".join(one.name for one in inside[1:6]) or "no folders",
        fix="Choose the folder that holds the cases.",
        field="data",
        place=folder.name,
    )


def _stop_at(complaints: list[Problem]) -> None:
    if complaints:
        raise Problems(complaints[:MOST_COMPLAINTS]) if len(complaints) > 1 else complaints[0]


def _lacks(case: str, what: str, expected: str, received: str = "no such file") -> InputError:
    return InputError(
        f"The case {case} lacks its {what}.", expected=expected, received=received,
        fix="Unpack the archive again, or move the case out of the data set.", field="data", place=case,
    )  # fmt: skip


def _visible(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if not one.name.startswith((".", "__")))


# BraTS


def _is_brats(folder: Path) -> bool:
    return any(_is_brats_case(one) for one in _visible(folder)[:50] if one.is_dir())


def _is_brats_case(folder: Path) -> bool:
    parts = {one.part for one in parts_of([file for file in _visible(folder) if file.is_file()])}
    return len(parts & set(SEQUENCES)) >= 2


def brats(folder: Path) -> DataTree:
    """BraTS 2020 and alike: a folder per case with its four sequences and, for training, its mask.

    `name_mapping.csv` gives the TCGA patient behind a case, so that no split mixes them with TCGA-LGG.
    """
    patients = _tcga_names(folder / "name_mapping.csv")
    cases: list[DataCase] = []
    complaints: list[Problem] = []
    for place in [one for one in _visible(folder) if one.is_dir()]:
        parts = parts_of([file for file in _visible(place) if file.is_file()])
        found = {one.part: str(one.path) for one in parts if one.part}
        missing = [name for name in SEQUENCES if name not in found]
        if len(missing) == len(SEQUENCES):
            continue
        if missing:
            here = ", ".join(name for name in SEQUENCES if name in found)
            wanted = f"{place.name}_{'/'.join(name.lower() for name in missing)}.nii[.gz]"
            complaints.append(_lacks(place.name, " and ".join(missing), wanted, f"only {here}"))
            continue
        label = found.pop("Labels", "")
        case = DataCase(
            place.name,
            patients.get(place.name) or patient_in(place.name) or place.name,
            found,
            label,
            (),
            "train" if label else "test",
        )
        cases.append(case)
    trained = [case for case in cases if case.label]
    if trained and "Training" in folder.name + trained[0].id:
        complaints += [
            _lacks(case.id, "mask", f"{case.id}_seg.nii[.gz], or one other file") for case in cases if not case.label
        ]
    _stop_at(complaints)
    odd = [case.id for case in trained if "_seg." not in case.label.lower()]
    notes = (f"mask under another name taken for {', '.join(odd[:5])}",) if odd else ()
    return DataTree("BraTS", str(folder), tuple(cases), BRATS_LABELS, "MR", notes)


def _tcga_names(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        own = next((value for name, value in row.items() if name and name.startswith("BraTS_2020")), "")
        tcga = next((value for name, value in row.items() if name and name.startswith("TCGA")), "")
        if own and tcga and tcga not in ("NA", ""):
            found[own] = _tcga_patient(tcga)
    return found


def _tcga_patient(text: str) -> str:
    """TCGA-CS-4941 out of 'TCGA_CS_4941_19960909' or 'TCGA-CS-4941'."""
    found = re.match(r"TCGA[-_](\w\w)[-_](\w{4})", text)
    return f"TCGA-{found.group(1)}-{found.group(2)}" if found else text


# TCGA-LGG


def _is_lgg(folder: Path) -> bool:
    return any(re.match(r"TCGA_\w\w_\w{4}_\d{8}$", one.name) for one in _visible(folder)[:50] if one.is_dir())


def tcga_lgg(folder: Path) -> DataTree:
    """TCGA-LGG as kaggle_3m: a folder per patient with one three-channel picture and one mask per slice.

    Slices are put into the order of the number that ends their names.
    """
    cases: list[DataCase] = []
    complaints: list[Problem] = []
    for place in [one for one in _visible(folder) if one.is_dir() and one.name.startswith("TCGA_")]:
        files = {one.name: one for one in _visible(place) if one.suffix.lower() == ".tif"}
        pairs = []
        for name, image in files.items():
            number = re.search(r"_(\d+)\.tif$", name)
            if name.endswith("_mask.tif") or number is None:
                continue
            mask = files.get(f"{image.stem}_mask.tif")
            if mask is None:
                complaints.append(_lacks(place.name, f"mask of slice {number.group(1)}", f"{image.stem}_mask.tif"))
                continue
            pairs.append((int(number.group(1)), str(image), str(mask)))
        if not pairs and not complaints:
            complaints.append(_lacks(place.name, "slices", f"{place.name}_1.tif …", "an empty folder"))
        slices = tuple((image, mask) for _, image, mask in sorted(pairs))
        cases.append(DataCase(place.name, _tcga_patient(place.name), {}, "", slices))
    _stop_at(complaints)
    notes = ("channels: pre-contrast, FLAIR, post-contrast; sequences that a patient lacks were filled with FLAIR",)
    return DataTree("TCGA-LGG", str(folder), tuple(cases), (Label(1, "Tumour"),), "MR", notes)


# Decathlon and nnU-Net


def _is_json_tree(folder: Path) -> bool:
    return (folder / "dataset.json").is_file() or ((folder / "imagesTr").is_dir() and (folder / "labelsTr").is_dir())


def _json_tree(folder: Path) -> DataTree:
    path = folder / "dataset.json"
    if not path.is_file():
        raise InputError(
            "The data set lacks its description.", expected="dataset.json beside imagesTr", received="no such file",
            fix="Copy it from the archive.", field="data", place=folder.name,
        )  # fmt: skip
    try:
        told = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(told, dict):
            raise ValueError("not an object")
    except (ValueError, OSError) as error:
        raise InputError(
            "The description of the data set cannot be read.", expected="a JSON object in dataset.json",
            received=str(error)[:200], fix="Copy it from the archive again.", field="data", place=str(path),
        ) from None  # fmt: skip
    listed = told.get("training")
    if isinstance(listed, list) and listed and not _has_channels(folder):
        return decathlon(folder, told)
    return nnunet(folder, told)


def _has_channels(folder: Path) -> bool:
    names = [one.name for one in _visible(folder / "imagesTr")[:50]] if (folder / "imagesTr").is_dir() else []
    return any(re.search(r"_\d{4}\.", name) for name in names)


def _labels(told: dict[str, Any]) -> tuple[Label, ...]:
    """Both ways round: {"1": "liver"} of Decathlon and {"liver": 1} of nnU-Net; regions give their first value."""
    found: dict[int, str] = {}
    for key, value in dict(told.get("labels") or {}).items():
        number, name = (key, value) if str(key).isdigit() else (value, key)
        number = number[0] if isinstance(number, list) and number else number
        if str(number).isdigit() and int(number) > 0:
            found.setdefault(int(number), str(name))
    return tuple(Label(number, name) for number, name in sorted(found.items()))


def _channels(told: dict[str, Any]) -> list[str]:
    named = dict(told.get("channel_names") or told.get("modality") or {"0": "image"})
    return [str(named[key]) for key in sorted(named, key=lambda key: int(key) if str(key).isdigit() else 0)]


def _modality(channels: Iterable[str]) -> Literal["", "CT", "MR"]:
    words = " ".join(channels).upper()
    if re.search(r"\bCT\b", words):
        return "CT"
    return "MR" if re.search(r"MR|T1|T2|FLAIR|ADC", words) else ""


def decathlon(folder: Path, told: dict[str, Any]) -> DataTree:
    """A Medical Segmentation Decathlon task: dataset.json lists images (four-dimensional if there are several
    sequences) and labels; lists under `validation` are taken as well."""
    channels = _channels(told)
    cases: list[DataCase] = []
    complaints: list[Problem] = []
    splits: dict[str, Literal["train", "validation", "test"]] = {
        "training": "train", "validation": "validation", "test": "test",
    }  # fmt: skip
    for name, split in splits.items():
        for item in told.get(name) or ():
            image, label = (item.get("image", ""), item.get("label", "")) if isinstance(item, dict) else (str(item), "")
            path, mask = folder / str(image), folder / str(label)
            id = _stem(path)
            if not path.is_file():
                complaints.append(_lacks(id, "image", str(image)))
            elif label and not mask.is_file():
                complaints.append(_lacks(id, "label", str(label)))
            else:
                several = len(channels) > 1
                images = {one: f"{path}#{n}" if several else str(path) for n, one in enumerate(channels, 1)}
                cases.append(DataCase(id, id, images, str(mask) if label else "", (), split))
    _stop_at(complaints)
    return DataTree("Decathlon", str(folder), tuple(cases), _labels(told), _modality(channels))


def nnunet(folder: Path, told: dict[str, Any]) -> DataTree:
    """An nnU-Net raw data set: imagesTr/CASE_0000.nii.gz (one file per channel), labelsTr/CASE.nii.gz, imagesTs.

    What this program writes tells in `patients` which cases show one patient.
    """
    channels = _channels(told)
    ending = str(told.get("file_ending") or "")
    patients = {str(id): str(one) for id, one in dict(told.get("patients") or {}).items()}
    cases: list[DataCase] = []
    complaints: list[Problem] = []
    for name, split in (("imagesTr", "train"), ("imagesTs", "test")):
        if not (folder / name).is_dir():
            if split == "train":
                complaints.append(_lacks(folder.name, "images", "a folder imagesTr", "no such folder"))
            continue
        groups: dict[str, dict[int, Path]] = {}
        for file in _visible(folder / name):
            found = re.match(r"(.+)_(\d{4})(\..+)$", file.name)
            if found and (not ending or found.group(3) == ending):
                groups.setdefault(found.group(1), {})[int(found.group(2))] = file
        for id, files in groups.items():
            missing = [number for number in range(len(channels)) if number not in files]
            label = _label(folder / "labelsTr", id, ending) if split == "train" else ""
            if missing:
                wanted = ", ".join(f"{id}_{number:04d}{ending or '.nii.gz'} ({channels[number]})" for number in missing)
                complaints.append(_lacks(id, "channel", wanted))
            elif split == "train" and not label:
                complaints.append(_lacks(id, "label", f"labelsTr/{id}{ending or '.nii.gz'}"))
            else:
                images = {channels[number]: str(files[number]) for number in range(len(channels))}
                patient = patients.get(id, id)
                cases.append(DataCase(id, patient, images, label, (), "train" if split == "train" else "test"))
    _stop_at(complaints)
    claimed, trained = told.get("numTraining"), sum(case.split == "train" for case in cases)
    notes = (f"dataset.json tells of {claimed} training cases, {count(trained, 'case')} are here",)
    is_short = isinstance(claimed, int) and claimed != trained
    seen = tuple(dict.fromkeys(patients.get(str(one), str(one)) for one in told.get("trained_before") or ()))
    return DataTree(
        "nnU-Net", str(folder), tuple(cases), _labels(told), _modality(channels), notes if is_short else (), seen
    )


def _label(folder: Path, id: str, ending: str) -> str:
    for candidate in (ending,) if ending else VOLUME_ENDINGS:
        if (folder / f"{id}{candidate}").is_file():
            return str(folder / f"{id}{candidate}")
    return ""


def _stem(path: Path) -> str:
    return re.sub(r"\.(nii\.gz|nii|nrrd|mha)$", "", path.name)
