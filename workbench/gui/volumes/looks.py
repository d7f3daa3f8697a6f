"""How a volume's values are made visible as a whole: colours and opacities by value, and delivered ones."""

from __future__ import annotations

import dataclasses

from workbench.core.volumes import VolumeMeta

Colour = tuple[int, int, int]
Point = tuple[float, Colour, float]
"""A value, its colour, and how much of the light a millimetre of it holds back, 0 … 1."""
AUTOMATIC = "auto"
LOOKS: dict[str, str] = {
    AUTOMATIC: "automatic", "bone": "CT bone", "soft-tissue": "CT soft tissue", "lung": "CT lung", "mr": "MR",
}  # fmt: skip
_HU: dict[str, tuple[Point, ...]] = {
    "bone": (
        (130, (150, 60, 40), 0.0), (240, (214, 150, 110), 0.06), (450, (240, 222, 192), 0.4),
        (1400, (255, 252, 244), 0.9),
    ),
    "soft-tissue": (
        (-160, (240, 205, 160), 0.0), (-60, (238, 200, 150), 0.0015), (60, (205, 105, 80), 0.004),
        (100, (225, 105, 80), 0.07), (180, (235, 190, 160), 0.2), (500, (250, 240, 225), 0.7),
    ),
    "lung": (
        (-960, (70, 110, 190), 0.0), (-860, (120, 165, 225), 0.012), (-600, (200, 215, 240), 0.03),
        (-350, (235, 205, 200), 0.002), (150, (220, 150, 130), 0.0), (400, (250, 240, 225), 0.05),
    ),
}  # fmt: skip
# Shares of the range: values of magnetic resonance have no unit.
_SHARES: tuple[Point, ...] = (
    (0.18, (70, 80, 110), 0.0), (0.32, (130, 120, 120), 0.003), (0.55, (215, 175, 150), 0.01),
    (0.8, (245, 232, 215), 0.03), (1.0, (255, 255, 255), 0.1),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Look:
    """Points in rising order of value, and the value at which a surface lies."""

    points: tuple[Point, ...]
    level: float

    def moved(self, at: int, value: float, opacity: float) -> Look:
        """The same with a point elsewhere, still between its neighbours."""
        low = self.points[at - 1][0] if at else -float("inf")
        high = self.points[at + 1][0] if at + 1 < len(self.points) else float("inf")
        there = (min(max(value, low), high), self.points[at][1], min(max(opacity, 0.0), 1.0))
        return dataclasses.replace(self, points=(*self.points[:at], there, *self.points[at + 1 :]))


def fitting(name: str, meta: VolumeMeta) -> bool:
    """Whether a look means something for this volume: those of CT need Hounsfield units."""
    return name not in _HU or meta.unit == "HU"


def automatic_name(meta: VolumeMeta) -> str:
    """The look for a modality."""
    return "soft-tissue" if meta.modality == "CT" and fitting("soft-tissue", meta) else "mr"


def look_of(name: str, meta: VolumeMeta, low: float, high: float) -> Look:
    """A delivered look for values between two bounds; one that does not fit is the automatic one."""
    if name == AUTOMATIC or not fitting(name, meta):
        name = automatic_name(meta)
    levels = {"bone": 250.0, "soft-tissue": -200.0, "lung": -500.0}
    if name in _HU:
        return Look(_HU[name], min(max(levels[name], low), high))
    wide = high - low
    points = tuple((low + share * wide, colour, opacity) for share, colour, opacity in _SHARES)
    return Look(points, low + 0.3 * wide)
