"""What the named numbers of a point are: colours, normals, classes, scalars; as files of many programs name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.engine.scenes.keeping import Known

AXES = ("x", "y", "z")
NORMALS = (("nx", "ny", "nz"), ("normal_x", "normal_y", "normal_z"))
COLOURS = (
    ("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"),
    ("Red", "Green", "Blue"), ("R", "G", "B"),
)  # fmt: skip
CLASSES = ("classification", "class", "label", "labels", "category", "semantic", "instance", "segment", "object")
SH_ZERO = 0.28209479177387814
"""The constant spherical harmonic: a splat's base colour is ½ + this times its coefficient (Kerbl et al., 2023)."""


class Plan(Protocol):
    """Which columns a cloud gets, and how they come out of rows by name."""

    @property
    def known(self) -> tuple[Known, ...]:
        """The columns, in their order."""

    def values(self, rows: Any) -> list[NDArray[Any]]:
        """The columns of some rows."""


class NamedColumns:
    """Every property as what its name says it is."""

    def __init__(self, types: Mapping[str, np.dtype[Any]]) -> None:
        self._sources: list[tuple[str, ...]] = []
        self._scales: list[float] = []
        known: list[Known] = []
        taken = set(AXES)
        for names in NORMALS:
            if set(names) <= set(types) and not taken & set(names):
                known.append(Known("normals", "normal", np.float32))
                self._put(names, 0.0, taken)
                break
        for names in COLOURS:
            if set(names) <= set(types) and not taken & set(names):
                known.append(Known("colour", "colour", np.uint8))
                self._put(names, colour_scale(types[names[0]]), taken)
                break
        for name, kind in types.items():
            if name in taken:
                continue
            is_class = kind.kind in "iu" and plain_name(name).lower() in CLASSES
            known.append(Known(plain_name(name), "class" if is_class else "scalar", kind.newbyteorder("=")))
            self._put((name,), 0.0, taken)
        self.known = tuple(known)

    def _put(self, names: tuple[str, ...], scale: float, taken: set[str]) -> None:
        self._sources.append(names)
        self._scales.append(scale)
        taken |= set(names)

    def values(self, rows: Any) -> list[NDArray[Any]]:
        """The columns of some rows."""
        found = []
        for one, names, scale in zip(self.known, self._sources, self._scales, strict=True):
            if one.kind == "colour":
                found.append(to_bytes(np.stack([rows[name] for name in names], axis=1), scale))
            elif one.kind == "normal":
                found.append(np.stack([rows[name] for name in names], axis=1).astype(np.float32))
            else:
                found.append(np.asarray(rows[names[0]]))
        return found


class SplatColumns:
    """Gaussian splats as points: base colour and opacity; shapes and directional colours are left out."""

    def __init__(self, names: Sequence[str]) -> None:
        self.known = (Known("colour", "colour", np.uint8), Known("opacity", "scalar", np.float32))

    @staticmethod
    def fits(names: Sequence[str]) -> bool:
        """Whether these are the properties of splats."""
        return {"f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "rot_0"} <= set(names)

    def values(self, rows: Any) -> list[NDArray[Any]]:
        """The columns of some rows."""
        base = np.stack([np.asarray(rows[f"f_dc_{at}"], np.float32) for at in range(3)], axis=1)
        with np.errstate(over="ignore"):
            opacity = 1 / (1 + np.exp(-np.asarray(rows["opacity"], np.float32)))
        return [to_bytes(0.5 + np.float32(SH_ZERO) * base, 255.0), opacity.astype(np.float32)]


def guessed(types: Mapping[str, np.dtype[Any]]) -> Plan:
    """How columns of these names and types are to be understood."""
    return NamedColumns(types)


def plain_name(name: str) -> str:
    """A property's name without what CloudCompare puts before its scalar fields."""
    return name.removeprefix("scalar_") or name


def colour_scale(kind: np.dtype[Any]) -> float:
    """What takes a colour of this type to 0…255: fractions reach to 1, 16 bits to 65535."""
    if kind.kind == "f":
        return 255.0
    return 1.0 / 257 if kind.itemsize > 1 and kind.kind == "u" and kind.itemsize == 2 else 1.0


def to_bytes(values: NDArray[Any], scale: float = 1.0) -> NDArray[np.uint8]:
    """Colours as bytes; what is out of range is clipped, what is no number is black."""
    if values.dtype == np.uint8 and scale == 1.0:
        return values
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.nan_to_num(np.asarray(values, np.float64) * scale, nan=0.0, posinf=255.0, neginf=0.0)
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
