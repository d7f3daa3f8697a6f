"""A model's folder in detail: its files, what its card tells, and whether each file is what it was."""

from __future__ import annotations

import base64
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from workbench.core.problem import InputError
from workbench.store.models import DIGESTS, noted_digests, origin_of, sha256_of, weight_fault

CARDS = ("card.md", "README.md")
LONGEST_CARD_BYTES = 64 << 10
State = Literal["sound", "readable", "unchecked", "damaged", "changed", "missing"]


class ModelFile(msgspec.Struct, frozen=True):
    """A file of a model by its path below the folder, with the SHA-256 it should have, where that is known."""

    name: str
    size_bytes: int
    sha256: str = ""


class FileCheck(msgspec.Struct, frozen=True):
    """What a look at one file found.

    'sound': as when it came; 'readable': no digest is known, but its header fits its length;
    'unchecked': nothing to compare it with.
    """

    file: str
    state: State
    note: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether the model should not be used with this file."""
        return self.state in ("damaged", "changed", "missing")


class ModelDetail(msgspec.Struct, frozen=True):
    """What can be told of a model without loading it: its card in Markdown, facts by name, its files."""

    path: str
    card: str
    facts: dict[str, str]
    files: list[ModelFile]


def detail_of(folder: Path, *, address: str = "") -> ModelDetail:
    """Read a model folder's card and list its files; raises InputError when it cannot be entered."""
    try:
        files = model_files(folder, address=address)
        return ModelDetail(str(folder), _card(folder), _facts(folder), files)
    except OSError as error:
        raise InputError(
            "This folder cannot be read.", expected="a model folder whose files may be read",
            received=error.strerror or str(error), fix="Mend its rights, or choose another model.", place=str(folder),
        ) from None  # fmt: skip


def model_files(folder: Path, *, address: str = "") -> list[ModelFile]:
    """Every file of a model, with the digests that were noted when it came or that its package records."""
    if not folder.is_dir():
        raise FileNotFoundError(2, "there is no such folder", str(folder))
    try:
        noted = noted_digests(folder)
    except InputError:
        noted = {}  # said by check_file for the damaged list itself
    if address.startswith("package:"):
        noted = _recorded(address.removeprefix("package:"), folder)
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and "__pycache__" not in path.parts and not name.startswith(".cache/"):
            found[name] = ModelFile(name, path.stat().st_size, noted.get(name, ""))
    lost = [ModelFile(name, 0, digest) for name, digest in noted.items() if name not in found]
    return [*found.values(), *lost]


def _recorded(package: str, folder: Path) -> dict[str, str]:
    """The digests that an installed package's RECORD gives for the files below a folder."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    root, found = folder.resolve(), {}
    for one in files:
        place = Path(str(one.locate())).resolve()
        if one.hash is not None and one.hash.mode == "sha256" and place.is_relative_to(root):
            digest = base64.urlsafe_b64decode(one.hash.value + "=" * (-len(one.hash.value) % 4))
            found[place.relative_to(root).as_posix()] = digest.hex()
    return found


def check_file(folder: Path, file: ModelFile) -> FileCheck:
    """Compare a file with its digest and look at a weight file's header; reads all of it where a digest is known."""
    path = folder / file.name
    try:
        if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
            return FileCheck(file.name, "missing", "it was here when the model came")
        if path.suffix == ".safetensors" and (fault := weight_fault(path)):
            return FileCheck(file.name, "damaged", fault)
        if path.name == DIGESTS:
            noted_digests(path.parent)
        if file.sha256:
            same = sha256_of(path) == file.sha256
            return FileCheck(file.name, "sound" if same else "changed", "" if same else "it is not what came")
    except InputError as problem:
        return FileCheck(file.name, "damaged", problem.what)
    except OSError as error:
        return FileCheck(file.name, "damaged", error.strerror or str(error))
    if path.suffix == ".safetensors":
        return FileCheck(file.name, "readable", "header and length fit; no digest is known")
    if path.suffix == ".json":
        return _parsed(path, file.name)
    return FileCheck(file.name, "unchecked", "no digest is known")


def _parsed(path: Path, name: str) -> FileCheck:
    try:
        json.loads(path.read_bytes())
    except ValueError as error:
        return FileCheck(name, "damaged", f"no JSON: {error}")
    return FileCheck(name, "readable", "valid JSON; no digest is known")


def check_files(folder: Path, *, address: str = "") -> list[FileCheck]:
    """Check every file of a model."""
    return [check_file(folder, one) for one in model_files(folder, address=address)]


def _card(folder: Path) -> str:
    """The card as its author wrote it, without the block of settings at its head; empty where there is none."""
    for name in CARDS:
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                text = file.read(LONGEST_CARD_BYTES).decode("utf-8", "replace").lstrip("\ufeff")
            head, _, rest = text.partition("\n---")
            return rest.partition("\n")[2].strip() if head.startswith("---") else text.strip()
    return ""


def _facts(folder: Path) -> dict[str, str]:
    """The card's facts in words, then how the encoder is built, then where it came from."""
    origin = origin_of(folder)
    facts = _of_card(_object(folder / "workbench.json")) | _of_config(_object(folder / "config.json"))
    facts |= {"Came from": origin.source} if origin.source else {}
    facts |= {"Commit": origin.commit} if origin.commit else {}
    facts |= {"Licence accepted": origin.licence} if origin.licence else {}
    return facts


def _of_card(told: Mapping[str, Any]) -> dict[str, str]:
    config = told.get("config") if isinstance(told.get("config"), dict) else {}
    assert isinstance(config, dict)
    params = config.get("params") if isinstance(config.get("params"), dict) else {}
    assert isinstance(params, dict)
    results = told.get("metrics") or told.get("results") or {}
    packages = told.get("packages") or config.get("packages") or {}
    found = {
        "Task": told.get("task"),
        "Recipe": config.get("recipe"),
        "Started from": params.get("backbone"),
        "What learned": params.get("adapt"),
        "Data": told.get("data") or _pairs(config.get("inputs")),
        "Command": told.get("command"),
        "Seed": told.get("seed", config.get("seed")),
        "Metrics": _pairs(results),
        "Licence": told.get("licence"),
        "Made on": told.get("made_on") or config.get("device"),
        "Packages": _pairs(packages),
    }
    return {name: str(value) for name, value in found.items() if value not in (None, "", {})}


def _of_config(config: Mapping[str, Any]) -> dict[str, str]:
    names = {
        "model_type": "Architecture", "num_hidden_layers": "Layers", "hidden_size": "Width",
        "num_attention_heads": "Heads", "vocab_size": "Vocabulary", "max_position_embeddings": "Longest input",
    }  # fmt: skip
    return {title: str(config[name]) for name, title in names.items() if isinstance(config.get(name), int | str)}


def _pairs(values: Any) -> str:
    if not isinstance(values, dict):
        return ""
    return ", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                     for key, value in values.items())  # fmt: skip


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
