"""A scene as one file: the tree, the views, crops and selections, and the arrays that no source file holds.

A project (`.scene`) is a zip archive of `scene.json` and `.npy` arrays. Sources are named by path, never copied and
never written over. Runs on any thread; raises InputError, KnownTrouble or OSError.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import shutil
import uuid
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError, KnownTrouble
from workbench.core.scenes import Node, SceneDoc
from workbench.core.words import spaced
from workbench.gui.scenes.edits import packed, unpacked
from workbench.gui.scenes.scene import strings_of

SUFFIX = ".scene"
VERSION = 1
INSIDE = "inside:"
"""Before the name of an array in the archive, where a document names a path."""
MOST_JSON_BYTES = 256 << 20
FIX = "The file is damaged or of another program: take a copy of it from elsewhere."
Masks = Mapping[str, NDArray[np.bool_]]


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """A scene as it lies on disk; `selected` holds compressed bits of each node with their number, in base 64."""

    scene: SceneDoc
    selected: dict[str, tuple[int, str]] = {}
    path: str = ""
    """The project file that the scene belongs to; of a session only."""
    saved: bool = True
    """Whether the scene stood as in its project file; of a session only."""

    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """What is selected; raises InputError where that is damaged."""
        try:
            return {name: unpacked((many, base64.b64decode(bits))) for name, (many, bits) in self.selected.items()}
        except Exception as error:
            raise InputError("The selection in the project is damaged.", received=str(error), fix=FIX) from None


def kept(scene: SceneDoc, masks: Masks, *, path: str = "", saved: bool = True) -> Kept:
    """What is written of a scene."""
    bits = {name: packed(mask) for name, mask in masks.items()}
    selected = {name: (many, base64.b64encode(data).decode()) for name, (many, data) in bits.items()}
    return Kept(scene, selected, path, saved)


def encoded(what: Kept) -> bytes:
    """As JSON."""
    return msgspec.json.format(msgspec.json.encode(what), indent=1)


def decoded(data: bytes, name: str) -> Kept:
    """From JSON; raises InputError naming the file."""
    try:
        found = msgspec.json.decode(data, type=Kept)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "This is no scene project, or it is damaged.", expected="scene.json as this program writes it",
            received=str(error), fix=FIX, place=name,
        ) from None  # fmt: skip
    if found.scene.version > VERSION:
        raise InputError(
            "The project was made by a newer version of this program.", expected=f"version {VERSION}",
            received=f"version {found.scene.version}", fix="Install the newer version to open it.", place=name,
        )  # fmt: skip
    return found


# Writing


def write(path: Path, what: Kept, own: Path) -> None:
    """Write a project in one step that survives a kill; raises KnownTrouble where it cannot be written.

    Arrays below `own`, and those of nodes without a source, go into it; those that are read from a source do not.
    """
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    names: dict[str, str] = {}

    def inside(source: str, text: str) -> str:
        if not Path(text).is_absolute():
            return text
        place = Path(text)
        if (source and not place.is_relative_to(own)) or not place.is_file():
            return text
        return names.setdefault(text, f"{INSIDE}arrays/{len(names)}{place.suffix}")

    nodes = tuple(_rewritten(one, functools.partial(inside, one.source)) for one in what.scene.nodes)
    doc = Kept(msgspec.structs.replace(what.scene, nodes=nodes), what.selected)
    try:
        with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("scene.json", encoded(doc))
            for source, name in names.items():
                archive.write(source, name.removeprefix(INSIDE))
        scratch.replace(path)
    except OSError as error:
        raise KnownTrouble(
            "The project could not be saved; the scene stays open.", expected="a writable place with room",
            received=f"{path}: {error.strerror or type(error).__name__}",
            fix="Save it in another folder, or free some space.", place=path.name,
        ) from None  # fmt: skip
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


def read(path: Path, own: Path) -> Kept:
    """A project; its arrays are unpacked below `own`."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo("scene.json")
            if info.file_size > MOST_JSON_BYTES:
                raise InputError("The project's tree is larger than any scene's.", expected="at most 256 MB",
                                 received=f"{spaced(info.file_size)} bytes", fix=FIX, place=path.name)  # fmt: skip
            found = decoded(archive.read(info), path.name)
            nodes = _unpacked_nodes(archive, found.scene.nodes, own, path.name)
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise InputError(
            "This is no scene project, or it is damaged.", expected="a .scene file as this program writes it",
            received=str(error), fix=FIX, place=path.name,
        ) from None  # fmt: skip
    return msgspec.structs.replace(found, scene=msgspec.structs.replace(found.scene, nodes=nodes), path=str(path))


def _unpacked_nodes(
    archive: zipfile.ZipFile, nodes: tuple[Node, ...], own: Path, name: str
) -> tuple[Node, ...]:  # fmt: skip
    own.mkdir(parents=True, exist_ok=True)
    wanted = {text.removeprefix(INSIDE) for one in nodes for text in strings_of(one) if text.startswith(INSIDE)}
    infos = {one: archive.getinfo(one) for one in wanted}
    needed, free = sum(one.file_size for one in infos.values()), shutil.disk_usage(own).free
    if needed > free:
        raise KnownTrouble(
            "There is no room to unpack the project.", expected=f"{needed / 1e9:.1f} GB free",
            received=f"{free / 1e9:.1f} GB at {own}", fix="Free some space, and open it again.", place=name,
        )  # fmt: skip
    places = {}
    for one, info in infos.items():
        # Names of ours: what the archive calls its entries leads nowhere.
        suffix = ".npy" if one.endswith(".npy") else ".png"
        place = own / f"{uuid.uuid4().hex[:16]}{suffix}"
        with archive.open(info) as source, place.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        places[INSIDE + one] = str(place)
    return tuple(_rewritten(one, lambda text: places.get(text, text)) for one in nodes)


# Paths in nodes


def arrays_of(node: Node) -> list[str]:
    """The paths of a node's arrays."""
    return [one for one in strings_of(node) if one.endswith(".npy")]


def _rewritten(node: Node, change: Callable[[str], str]) -> Node:
    """The node with other texts in its thing and crop."""
    plain = msgspec.to_builtins(node)
    plain["hidden"] = change(node.hidden)
    if node.thing is not None:
        plain["thing"] = _changed(plain["thing"], change)
    return msgspec.convert(plain, Node)


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _changed(one, change) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_changed(one, change) for one in value]
    return value
