"""Truth values of a box of a volume as few bytes, for the way between window and worker."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def packed(mask: NDArray[np.bool_]) -> bytes:
    """The bits of a mask of any shape, compressed."""
    return zlib.compress(np.packbits(mask).tobytes(), 1)


def unpacked(bits: bytes, shape: Sequence[int]) -> NDArray[np.bool_]:
    """The mask of this shape; raises ValueError where the bytes are no mask of it."""
    size = int(np.prod(shape))
    found = zlib.decompressobj()
    try:
        raw: Any = np.frombuffer(found.decompress(bits, -(-size // 8)), np.uint8)
    except zlib.error as error:
        raise ValueError(f"these bytes are no mask: {error}") from None
    if len(raw) != -(-size // 8):
        raise ValueError(f"{len(raw)} bytes are no mask of {size} voxels")
    return np.unpackbits(raw, count=size).astype(bool).reshape(tuple(shape))
