"""The tree of a model's layers, from the headers of its weight files: no number is read, no torch is needed."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from workbench.core.problem import InputError
from workbench.core.weights import DamagedWeights, Tensor, read_header
from workbench.store.models import ADAPTER

Learned = Literal["", "learned", "frozen", "partly", "merged"]
"""'merged': an adapter was folded in; 'partly' is said of a group; empty where the card does not tell."""
_NUMBERS = re.compile(r"(\d+)")


@dataclasses.dataclass(slots=True)
class Layer:
    """A tensor, or a group of them by dotted name; the totals are those of everything below."""

    name: str
    path: str
    parent: Layer | None = None
    tensor: Tensor | None = None
    learned: Learned = ""
    count: int = 0
    size_bytes: int = 0
    tensors: int = 0
    row: int = 0
    children: list[Layer] = dataclasses.field(default_factory=list)

    @property
    def dtypes(self) -> str:
        """The number format, or those of the group."""
        return ", ".join(sorted({one.tensor.dtype for one in self.leaves() if one.tensor}))

    def leaves(self) -> Iterator[Layer]:
        """The tensors below, itself if it is one."""
        if self.tensor is not None:
            yield self
        for child in self.children:
            yield from child.leaves()


def layers_of(folder: Path) -> Layer:
    """The tree of every safetensors file of a folder; several kinds of weights become branches of their own.

    Raises InputError when there are none, or when one of them is garbled, cut short or unreadable.
    """
    files = _weight_files(folder)
    if not files:
        raise InputError(
            "This model has no weights in safetensors, so its layers cannot be listed.",
            expected="*.safetensors", received=_names(folder),
            fix="Save it once where you trust it: model.save_pretrained(folder, safe_serialization=True).",
            place=str(folder),
        )  # fmt: skip
    found = [(_branch(folder, file, files), _tensors(file)) for file in files]
    return _tree(found, _marks(folder, [one for _, some in found for one in some]))


def _weight_files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.rglob("*.safetensors"))
    except OSError:
        return []


def _names(folder: Path) -> str:
    try:
        return ", ".join(sorted(one.name for one in folder.iterdir())[:6]) or "an empty folder"
    except OSError as error:
        return error.strerror or str(error)


def _tensors(file: Path) -> list[Tensor]:
    try:
        return read_header(file)
    except (DamagedWeights, OSError) as error:
        raise InputError(
            "This weight file is damaged.", expected=f"a complete {file.name}", received=str(error),
            fix="Copy or download it again.", place=str(file),
        ) from None  # fmt: skip


def _branch(folder: Path, file: Path, files: list[Path]) -> str:
    """The branch of a file's tensors: none where all belong together (one file, or the shards of one model)."""
    stems = {(one.parent, _stem(one)) for one in files}
    if len(stems) == 1:
        return ""
    place = file.parent.relative_to(folder).as_posix()
    alone = len({stem for parent, stem in stems if parent == file.parent}) == 1
    if place == ".":
        return _stem(file)
    return place if alone else f"{place}/{_stem(file)}"


def _stem(file: Path) -> str:
    return re.sub(r"-\d+-of-\d+$", "", file.stem)


def _tree(found: Iterable[tuple[str, list[Tensor]]], marks: Mapping[str, Learned]) -> Layer:
    root = Layer("", "")
    groups: dict[tuple[str, ...], Layer] = {(): root}
    for branch, tensors in found:
        for tensor in tensors:
            parts = (*([branch] if branch else []), *tensor.name.split("."))
            parent = _group(groups, parts[:-1])
            leaf = Layer(parts[-1], tensor.name, parent, tensor, _mark(marks, branch, tensor.name))
            parent.children.append(leaf)
    _total(root)
    return root


def _group(groups: dict[tuple[str, ...], Layer], parts: tuple[str, ...]) -> Layer:
    if parts not in groups:
        parent = _group(groups, parts[:-1])
        groups[parts] = Layer(parts[-1], ".".join(parts), parent)
        parent.children.append(groups[parts])
    return groups[parts]


def _total(layer: Layer) -> None:
    """Sum up from the leaves; layers stand in the order of their numbers, not of their digits."""
    layer.children.sort(key=lambda one: [int(part) if part.isdigit() else part for part in _NUMBERS.split(one.name)])
    for row, child in enumerate(layer.children):
        child.row = row
        _total(child)
    if layer.tensor is not None:
        layer.count, layer.size_bytes, layer.tensors = layer.tensor.count, layer.tensor.size_bytes, 1
        return
    layer.count = sum(one.count for one in layer.children)
    layer.size_bytes = sum(one.size_bytes for one in layer.children)
    layer.tensors = sum(one.tensors for one in layer.children)
    kinds = {one.learned for one in layer.children}
    layer.learned = kinds.pop() if len(kinds) == 1 else "partly" if kinds & {"learned", "merged", "partly"} else ""


# What learned: said by the card of a model that was made here.


def _mark(marks: Mapping[str, Learned], branch: str, name: str) -> Learned:
    return marks.get(branch.rpartition("/")[2] + "/", marks.get(name, ""))


def _marks(folder: Path, tensors: list[Tensor]) -> dict[str, Learned]:
    """By tensor, or by branch with a slash behind it; empty where the card does not say."""
    params = _params(folder)
    adapt = str(params.get("adapt", ""))
    names = [one.name for one in tensors]
    marks: dict[str, Learned] = {}
    if adapt in ("lora", "ia3"):
        merged = {_adapted(name) for name in names if re.search(r"\.(lora|ia3)_", name)}
        marks = {name: "merged" if _plain(name) in merged else "frozen" for name in names}
        marks |= {ADAPTER + "/": "learned"}
    elif adapt == "full" or "frozen_layers" in params:
        frozen = int(params.get("frozen_layers", 0) or 0)
        idle = "frozen_layers" in params  # engine/halves.py never trains the pooler, which nothing reads
        marks = {
            name: "frozen" if (frozen and _depth(name) < frozen) or (idle and "pooler" in name) else "learned"
            for name in names
        }
    elif adapt == "last layers":
        first = _first_learned(names, int(params.get("last_layers", 0) or 0))
        marks = {name: "learned" if _depth(name) >= first else "frozen" for name in names}
    elif adapt == "linear probe":
        marks = dict.fromkeys(names, "frozen")
    return marks | _heads(names, marks) | ({"branches/": "learned", "base_head/": "learned"} if marks else {})


def _params(folder: Path) -> dict[str, Any]:
    try:
        params = json.loads((folder / "workbench.json").read_bytes())["config"]["params"]
        return params if isinstance(params, dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


_HEAD = re.compile(r"^(classifier|score|qa_outputs|cls|lm_head|predictions|head)\b")
_BEHIND = re.compile(r"\b(pooler|ln_f|final_layer_norm)\b")
_STACK = re.compile(r"\b(?:layers?|h|block|blocks)\.(\d+)\.")


def _heads(names: list[str], marks: Mapping[str, Learned]) -> dict[str, Learned]:
    """A head is new, and learns whatever else does."""
    return {name: "learned" for name in names if marks and _HEAD.match(name)}


def _depth(name: str) -> int:
    """The number of the layer in its stack; -1 for what comes before, a large one for what comes behind."""
    found = _STACK.search(name)
    return int(found[1]) if found else 1 << 30 if _HEAD.match(name) or _BEHIND.search(name) else -1


def _first_learned(names: list[str], last: int) -> int:
    depths = [depth for name in names if 0 <= (depth := _depth(name)) < 1 << 30]
    return max(depths, default=-1) + 1 - last


def _plain(name: str) -> str:
    return name.removesuffix(".weight").removesuffix(".bias")


def _adapted(name: str) -> str:
    """The module that an adapter's tensor belongs to: base_model.model.X.lora_A.weight → X."""
    return re.split(r"\.(?:lora|ia3)_", name.removeprefix("base_model.model."))[0]
