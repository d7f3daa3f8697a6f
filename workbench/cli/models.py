"""`models`: what can be applied or started from, taking models in and out, looking into them, checking them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli import output
from workbench.cli.follow import answer
from workbench.cli.hub import download
from workbench.cli.output import json_line, say, table, tell
from workbench.cli.parser import Namespace, stop_at
from workbench.cli.running import runner_of
from workbench.core.documents import BackboneInfo
from workbench.core.problem import InputError
from workbench.core.words import size, spaced
from workbench.store.home import Home, open_home
from workbench.store.hub import folder_of
from workbench.store.layers import Layer, layers_of
from workbench.store.modelfiles import check_files, detail_of
from workbench.store.models import add_model, model_faults, remove_model, trained_models
from workbench.store.remembered import forget, remember, remembered
from workbench.store.runfolder import find_run

__all__ = ["add", "download", "list_", "remove", "show", "tree", "verify"]


def list_(asked: Namespace) -> int:
    """`models list`: trained and added models, then the backbones that a recipe can start from."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    trained = list(trained_models(home))
    backbones = msgspec.json.decode(_asked_worker(home, "backbones"), type=list[BackboneInfo])
    if asked.json:
        for model in trained:
            json_line({"type": "model", **msgspec.to_builtins(model)})
        for backbone in backbones:
            json_line({"type": "backbone", **msgspec.to_builtins(backbone)})
        return 0
    rows = [[one.name, one.kind, one.recipe, size(one.size_bytes), one.problem] for one in trained]
    rows += [
        [one.address, one.source, one.architecture, size(one.size_bytes), one.problem or one.licence]
        for one in backbones
    ]
    table(rows, ["model", "kind", "recipe or architecture", "size", "note"])
    return 0


def _asked_worker(home: Home, what: str, **arguments: Any) -> bytes:
    with runner_of(home) as runner:
        return bytes(answer(runner.inspect(what, **arguments)))


def add(asked: Namespace) -> int:
    """`models add FOLDER`: copy weights, configuration and vocabulary into the home, or remember where they lie."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    folder = asked.folder.expanduser()
    if asked.in_place:
        _asked_worker(home, "backbone", address=str(folder.absolute()))
        address = remember(home, folder)
        _told(asked, {"model": folder.name, "path": address, "in_place": True}, f"Remembered; its address: {address}")
        return 0
    target = add_model(home, folder, name=asked.name)
    _told(asked, {"model": target.name, "path": str(target)}, f"Added {target.name}; its address: {target}")
    return 0


def remove(asked: Namespace) -> int:
    """`models remove MODEL`: forget a folder elsewhere, or delete what was copied or downloaded."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    for address in (asked.model, str(Path(asked.model).expanduser().absolute())):
        if address in remembered(home):
            forget(home, address)
            _told(asked, {"model": address, "deleted": False, "bytes": 0}, f"Forgotten; {address} is untouched.")
            return 0
    folder = _in_home(home, asked.model)
    if not asked.yes and not _sure(folder):
        tell("Nothing was deleted.")
        return 1
    freed = remove_model(home, folder)
    _told(asked, {"model": folder.name, "deleted": True, "bytes": freed}, f"Deleted {folder.name}, {size(freed)} free.")
    return 0


def _in_home(home: Home, name: str) -> Path:
    kind, _, rest = name.partition(":")
    if kind in ("package", "starter"):
        fix = f"Uninstall it with 'pip uninstall {rest}'." if kind == "package" else "Leave it; it takes little room."
        raise InputError(
            "This model came with the program or a package and is not removed here.",
            expected="a model that was added or downloaded", received=name, fix=fix,
        )  # fmt: skip
    folder = folder_of(home, rest) if kind == "hub" else home.models / Path(name).name
    if not folder.is_dir() or folder.name.startswith("."):
        raise InputError(
            "No such model was added or downloaded.", expected="a name that 'workbench models list' shows",
            received=name, fix="A trained model goes with its run.",
        )  # fmt: skip
    return folder


def _sure(folder: Path) -> bool:
    if not sys.stdin.isatty():
        tell("Add --yes to delete it without being asked.")
        return False
    tell(f"Delete {folder}? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def show(asked: Namespace) -> int:
    """`models show ADDRESS`: the card, the facts and the files of a model."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    detail = detail_of(_folder(home, asked.model), address=asked.model)
    if asked.json:
        json_line({"type": "model", "address": asked.model, **msgspec.to_builtins(detail)})
        return 0
    say(detail.path)
    table([[name, value] for name, value in detail.facts.items()])
    say()
    table([[one.name, size(one.size_bytes)] for one in detail.files], ["file", "size"])
    if detail.card:
        say(f"\n{detail.card}")
    return 0


def tree(asked: Namespace) -> int:
    """`models tree ADDRESS`: the layers with their shapes and sizes, from the weights' headers alone."""
    stop_at(asked.problems)
    root = layers_of(_folder(open_home(asked.home), asked.model))
    words = asked.search.lower().split()
    found = [leaf for leaf in root.leaves() if all(word in leaf.path.lower() for word in words)]
    if asked.json:
        for leaf in found:
            json_line(_layer(leaf, root))
        total = {"type": "total", "tensors": len(found), "parameters": sum(one.count for one in found)}
        json_line(total | {"bytes": sum(one.size_bytes for one in found)})
        return 0
    rows = [[leaf.path, *_cells(leaf, root)] for leaf in found]
    table(rows, ["tensor", "shape", "type", "parameters", "size", "share", "learned"])
    total_count, total_bytes = sum(one.count for one in found), sum(one.size_bytes for one in found)
    say(f"\n{len(found)} of {root.tensors} tensors, {spaced(total_count)} parameters, {size(total_bytes)}")
    return 0


def _layer(leaf: Layer, root: Layer) -> dict[str, Any]:
    assert leaf.tensor is not None
    return {
        "type": "tensor", "name": leaf.path, "shape": leaf.tensor.shape, "dtype": leaf.tensor.dtype,
        "parameters": leaf.count, "bytes": leaf.size_bytes,
        "share": leaf.count / root.count if root.count else 0.0, "learned": leaf.learned,
    }  # fmt: skip


def _cells(leaf: Layer, root: Layer) -> list[str]:
    assert leaf.tensor is not None
    shape = " × ".join(map(str, leaf.tensor.shape)) or "one number"
    share = f"{100 * leaf.count / root.count:.1f} %" if root.count else ""
    return [shape, leaf.tensor.dtype, spaced(leaf.count), size(leaf.size_bytes), share, leaf.learned]


def verify(asked: Namespace) -> int:
    """`models verify [MODEL]`: weights readable, files unchanged since they were added."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    folders = [Path(one.path) for one in trained_models(home)] if not asked.model else [_folder(home, asked.model)]
    damaged = 0
    for folder in folders:
        name = folder.parent.name if folder.name == "model" else folder.name
        faults = model_faults(folder)
        checks = check_files(folder, address=asked.model)
        faults += [f"{one.file}: {one.note}" for one in checks if one.is_fault and not _said(one.file, faults)]
        damaged += bool(faults)
        document = {"model": name, "path": str(folder), "sound": not faults, "faults": faults}
        document["files"] = msgspec.to_builtins(checks)
        _told(asked, document, f"{name}: {'; '.join(faults) or 'sound'}")
    return 1 if damaged else 0


def _said(file: str, faults: list[str]) -> bool:
    return any(Path(file).name in fault for fault in faults)


def _folder(home: Home, name: str) -> Path:
    """A model's folder by its address, its name in the home, a path, or the run that made it."""
    kind, _, rest = name.partition(":")
    if kind == "hub" and rest:
        return _at_hand(folder_of(home, rest), name)
    if kind in ("package", "starter"):
        info = msgspec.json.decode(_asked_worker(home, "backbone", address=name), type=BackboneInfo)
        return Path(info.path)
    for folder in (Path(name).expanduser(), home.models / name):
        if name and _has_files(folder):
            return folder
    return find_run(home.runs, name).model


def _at_hand(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise InputError(
            "This model has not been downloaded.", expected="a model on this machine", received=name,
            fix=f"workbench models download {name.removeprefix('hub:')}",
        )  # fmt: skip
    return folder


def _has_files(folder: Path) -> bool:
    try:
        return folder.is_dir() and (any(folder.rglob("*.safetensors")) or (folder / "config.json").is_file())
    except OSError:
        return False


def _told(asked: Namespace, document: dict[str, Any], words: str) -> None:
    output.json_line(document) if asked.json else say(words)
