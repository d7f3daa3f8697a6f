"""Coarse motions and their variants: what a class is called, and which variants belong to which set."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Fine:
    """A variant of a coarse motion; `place` is its number among the variants of its coarse class and set."""

    name: str
    coarse: int
    set: int
    place: int = 0


@dataclasses.dataclass(frozen=True)
class Taxonomy:
    """Two levels of classes; a fine class is known by its position in `fine`, whatever its set."""

    coarse: tuple[str, ...]
    fine: tuple[Fine, ...]

    def of_set(self, number: int) -> list[int]:
        """The fine classes of Set 1 or of Set 2, in their order."""
        return [at for at, one in enumerate(self.fine) if one.set == number]

    @property
    def places(self) -> int:
        """The most variants that a coarse class has in one set."""
        return 1 + max((one.place for one in self.fine), default=0)


def numbered(names: list[tuple[str, str, int]]) -> Taxonomy:
    """A taxonomy from (coarse name, fine name, set), in that order; variants are numbered as they come."""
    coarse = tuple(dict.fromkeys(name for name, _, _ in names))
    counts: dict[tuple[int, int], int] = {}
    fine = []
    for motion, name, number in names:
        key = coarse.index(motion), number
        fine.append(Fine(name, key[0], number, counts.get(key, 0)))
        counts[key] = counts.get(key, 0) + 1
    return Taxonomy(coarse, tuple(fine))


DRAWN: dict[str, tuple[str, str, str, str]] = {
    "appearing": ("one object appearing", "three objects appearing together", "three objects appearing one by one",
                  "two objects appearing among two"),
    "expanding": ("expanding a little", "two objects expanding", "expanding a lot", "two objects expanding unequally"),
    "shrinking": ("shrinking a little", "two objects shrinking", "shrinking a lot", "two objects shrinking unequally"),
    "falling": ("falling straight", "falling in a zigzag", "falling obliquely", "falling along a curve"),
    "rising": ("rising straight", "rising in a zigzag", "rising obliquely", "rising along a curve"),
    "moving": ("moving to the right", "moving there and back", "moving to the left",
               "two objects moving past each other"),
    "orbiting": ("orbiting in a circle", "orbiting and turning back", "orbiting counter-clockwise",
                 "orbiting on a flat ellipse"),
    "following": ("one object following another", "two objects following another", "following on a winding path",
                  "following the opposite way"),
    "colour change": ("colour change through the rainbow", "colour change to dark", "colour change to bright",
                      "colour change there and back"),
    "teleporting": ("one object teleporting", "teleporting beside a fixed object", "four objects teleporting",
                    "teleporting away from a neighbour"),
}  # fmt: skip
"""Ten coarse motions with four variants each; the first two are Set 1, the last two Set 2."""


def drawn(classes: int = len(DRAWN)) -> Taxonomy:
    """The taxonomy of the first so many generated coarse motions."""
    names = list(DRAWN.items())[:classes]
    return numbered([(coarse, fine, 1 + at // 2) for coarse, variants in names for at, fine in enumerate(variants)])
