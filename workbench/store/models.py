"""Models kept in the home: copied in without code or pickles, and checked against their digests."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.problem import InputError, KnownTrouble
from workbench.core.weights import DamagedWeights, Tensor, read_header
from workbench.store.home import Home

DIGESTS = "sha256.json"
"""Written beside a copied or downloaded model: file name to SHA-256."""
ORIGIN = "origin.json"
"""Written beside them: where the model came from; engine/backbone_folders.py reads it, too."""
ADAPTER = "adapter"
"""The folder within a trained model that holds its adapter apart; see engine/adapters.py."""
PICKLED = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npz", ".h5", ".msgpack"})
KEPT = frozenset({".json", ".safetensors", ".txt", ".model", ".md", ".jinja", ""})
"""Weights, configuration, vocabulary and the card; nothing that can be executed."""


class ModelFacts(msgspec.Struct, frozen=True):
    """A model folder as lists show it; `problem` says why it cannot be used, if so."""

    name: str
    path: str
    kind: str
    recipe: str = ""
    run: str = ""
    size_bytes: int = 0
    results: dict[str, float | None] = {}
    problem: str = ""
    architecture: str = ""
    parameters: int = 0
    licence: str = ""
    origin: str = ""


class Origin(msgspec.Struct, omit_defaults=True):
    """Where a model in the home came from: hub:ORG/NAME at a commit, or a folder's path."""

    source: str
    commit: str = ""
    licence: str = ""
    at: float = 0.0


def trained_models(home: Home) -> Iterator[ModelFacts]:
    """Models that runs made, newest first, then those that were added."""
    for card in sorted(home.runs.glob("*/model/workbench.json"), reverse=True):
        yield facts_of(card.parent, name=card.parent.parent.name, kind="trained")
    for folder in added_folders(home):
        yield facts_of(folder, name=folder.name, kind="added")


def added_folders(home: Home) -> list[Path]:
    """Models copied or downloaded into the home; what is still on its way is not among them."""
    return sorted(path for path in home.models.iterdir() if path.is_dir() and not path.name.startswith("."))


def facts_of(folder: Path, *, name: str, kind: str) -> ModelFacts:
    """What a model's files and card say."""
    told, problem = _card(folder)
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    config = told.get("config", {})
    tensors, fault = _tensors(folder)
    origin = origin_of(folder)
    return ModelFacts(
        name=name, path=str(folder), kind=kind, recipe=str(config.get("recipe", "")), run=str(told.get("run", "")),
        size_bytes=sum(sizes), results=told.get("results", {}), problem=problem or fault,
        architecture=_architecture(folder), parameters=sum(one.count for one in tensors if one.is_float),
        licence=origin.licence, origin=origin.source,
    )  # fmt: skip


def origin_of(folder: Path) -> Origin:
    """Where a model in the home came from; an empty source where nothing is noted."""
    try:
        return msgspec.json.decode((folder / ORIGIN).read_bytes(), type=Origin)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return Origin("")


def note_origin(folder: Path, origin: Origin) -> None:
    """Note beside a model where it came from."""
    (folder / ORIGIN).write_bytes(msgspec.json.format(msgspec.json.encode(origin)))


def _tensors(folder: Path) -> tuple[list[Tensor], str]:
    found: list[Tensor] = []
    for file in sorted(folder.rglob("*.safetensors")):
        if file.parent.name == ADAPTER:
            continue  # its numbers are in the merged weights already
        try:
            found += read_header(file)
        except (DamagedWeights, OSError) as error:
            return [], f"{file.name} is damaged: {error}"
    return found, ""


def _architecture(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_text("utf-8")).get("model_type", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _card(folder: Path) -> tuple[dict[str, Any], str]:
    path = folder / "workbench.json"
    if not path.exists():
        return {}, ""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return (told, "") if isinstance(told.get("config", {}), dict) else ({}, "Its card is damaged.")
    except (ValueError, AttributeError, OSError):
        return {}, "Its card is damaged."


def add_model(home: Home, source: Path, *, name: str = "") -> Path:
    """Copy a model folder into the home and note its digests.

    Only weights in safetensors, configuration, vocabulary and text are taken. Raises InputError
    for a folder without them, a taken name, or weights that only come as pickles.
    """
    _check_source(source)
    name = name or source.resolve().name
    target = home.models / name
    if not re.fullmatch(r"\w[\w.\- ]{0,100}", name) or target.exists():
        raise InputError(
            "This name cannot be used.", expected="letters, digits, '.', '-', not in use yet", received=name,
            fix="Give another one with --name.", field="--name",
        )  # fmt: skip
    try:
        with tempfile.TemporaryDirectory(dir=home.models, prefix=".adding-") as scratch:
            copy = Path(scratch) / name
            for file in _kept(source):
                (copy / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / file, copy / file)
            note_digests(copy)
            note_origin(copy, Origin(str(source.resolve()), at=time.time()))
            copy.replace(target)
    except OSError as error:
        raise KnownTrouble("The model could not be copied.", received=str(error), fix="Free some space.") from None
    return target


def _check_source(source: Path) -> None:
    if not source.is_dir():
        raise InputError(
            "There is no such model folder.", expected="a folder with config.json and safetensors",
            received=str(source), fix="Check the path.", place=str(source),
        )  # fmt: skip
    files = _kept(source)
    if not any(file.suffix == ".safetensors" for file in files):
        pickles = [file.name for file in source.rglob("*") if file.suffix in PICKLED]
        raise InputError(
            "This model's weights only come as a pickle, which can run code." if pickles else "No weights are here.",
            expected="*.safetensors", received=", ".join(pickles[:3]) or "no weights",
            fix="Save it once where you trust it: model.save_pretrained(folder, safe_serialization=True).",
            place=str(source),
        )  # fmt: skip
    for fault in weight_faults(source):
        raise InputError("A weight file is damaged.", received=fault, fix="Copy or download it again.")


def _kept(source: Path) -> list[Path]:
    """The files worth taking, relative to the folder; links are followed only to files inside it."""
    root = source.resolve()
    found = [path for path in sorted(source.rglob("*")) if path.is_file() and path.suffix in KEPT]
    inside = [path for path in found if path.resolve().is_relative_to(root) and path.name not in (DIGESTS, ORIGIN)]
    return [path.relative_to(source) for path in inside if not any(part.startswith(".") for part in path.parts[-2:])]


def weight_faults(folder: Path) -> Iterator[str]:
    """Every safetensors file that cannot be opened, and why; reads headers only."""
    for file in sorted(folder.rglob("*.safetensors")):
        if fault := weight_fault(file):
            yield f"{file.name}: {fault}"


def weight_fault(file: Path) -> str:
    """Why a safetensors file cannot be used; empty when its header and length are sound."""
    try:
        read_header(file)
    except (DamagedWeights, OSError) as error:
        return str(error)
    return ""


def note_digests(folder: Path) -> None:
    """Write the SHA-256 of every file beside them."""
    digests = {file.as_posix(): sha256_of(folder / file) for file in _kept(folder)}
    (folder / DIGESTS).write_text(json.dumps(digests, indent=1))


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_faults(folder: Path) -> list[str]:
    """What is wrong with a model folder: damaged weights, changed or missing files; empty when sound."""
    faults = list(weight_faults(folder))
    if not any(folder.rglob("*.safetensors")):
        faults.append("no weights in safetensors")
    faults += [problem] if (problem := _card(folder)[1]) else []
    try:
        noted = noted_digests(folder)
    except InputError:
        return [*faults, f"{DIGESTS} is damaged"]
    for name, expected in noted.items():
        file = folder / name
        if not file.resolve().is_relative_to(folder.resolve()) or not file.is_file():
            faults.append(f"{name} is missing")
        elif sha256_of(file) != expected:
            faults.append(f"{name} has changed since it was added")
    return faults


def noted_digests(folder: Path) -> dict[str, str]:
    """The SHA-256 by file name that was noted when the model came; none where nothing was; raises InputError."""
    try:
        return msgspec.json.decode((folder / DIGESTS).read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(
            f"{DIGESTS} is damaged.",
            expected="a JSON object of file names and digests",
            received=str(error),
            fix="Add or download the model again.",
            place=str(folder),
        ) from None


def remove_model(home: Home, folder: Path) -> int:
    """Delete a copied or downloaded model and return the bytes freed; raises InputError for any other folder."""
    if folder.parent.resolve() != home.models.resolve() or folder.is_symlink() or not folder.is_dir():
        raise InputError(
            "Only models in the home can be deleted here.", expected=f"a folder in {home.models}",
            received=str(folder), fix="Packages are uninstalled with pip; folders elsewhere are yours to delete.",
        )  # fmt: skip
    freed = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    doomed = folder.with_name(f".{folder.name}.deleting")  # in one step: half a model is never offered
    try:
        folder.replace(doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise KnownTrouble(
            "The model could not be deleted.",
            received=str(error),
            fix="Close what uses its files, then try again.",
            place=str(folder),
        ) from None
    return freed
