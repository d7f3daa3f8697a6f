"""What a safetensors file holds, read from its header alone: names, shapes and types, never the numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.sizes import in_bytes

LONGEST_HEADER_BYTES = 100 << 20
"""What the format itself allows."""
BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F6_E2M3": 6, "F6_E3M2": 6,
    "F4": 4, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "C64": 64,
}  # fmt: skip


class Tensor(msgspec.Struct, frozen=True):
    """One array of a weight file: its dotted name, type and shape, and the room it takes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size_bytes: int

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether it can have been learned; counters and masks cannot."""
        return self.dtype.startswith(("F", "BF"))


class _Entry(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class DamagedWeights(ValueError):
    """A weight file is garbled or cut short; the text says what was found instead."""


def read_header(path: Path) -> list[Tensor]:
    """The tensors of a safetensors file in the order of its header.

    Raises DamagedWeights when the header is garbled, too long, or promises other bytes than the
    file has, and OSError when the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise DamagedWeights(f"{in_bytes(size)}, which end within the header")
        if length > LONGEST_HEADER_BYTES:
            raise DamagedWeights(f"a header of {in_bytes(length)} where at most 100 MB are allowed")
        block = file.read(length)
    entries = _entries(block)
    _check_room([entry.data_offsets for entry in entries.values()], size - 8 - length)
    return [_tensor(name, entry) for name, entry in entries.items()]


def _entries(block: bytes) -> dict[str, _Entry]:
    try:
        raw = msgspec.json.decode(block, type=dict[str, Any])
        raw.pop("__metadata__", None)
        return msgspec.convert(raw, dict[str, _Entry])
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        raise DamagedWeights("a header that cannot be read") from None


def _check_room(places: list[tuple[int, int]], room: int) -> None:
    end = 0
    for begin, stop in sorted(places):
        if begin != end or stop < begin:
            raise DamagedWeights("a header whose tensors overlap or leave gaps")
        end = stop
    if end != room:
        raise DamagedWeights(f"{room} bytes of numbers where its header promises {end}")


def _tensor(name: str, entry: _Entry) -> Tensor:
    begin, end = entry.data_offsets
    tensor = Tensor(name, entry.dtype, entry.shape, end - begin)
    bits = BITS.get(entry.dtype)
    if min(entry.shape, default=0) < 0 or (bits is not None and tensor.count * bits != tensor.size_bytes * 8):
        raise DamagedWeights(f"{name}: {end - begin} bytes for {entry.dtype} of shape {list(entry.shape)}")
    return tensor
