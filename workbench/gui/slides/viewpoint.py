"""Where a viewer looks on a slide, the tiles it needs for that, and lengths for its scale bar; knows no widgets."""

from __future__ import annotations

import dataclasses
import math

from workbench.core.slides import OBJECTIVE_MPP, TILE_PX

ENLARGED = 1 / 8
"""A level-0 pixel is shown at most so many times its size (as level-0 pixels per screen pixel)."""
MOST_TILES = 160
"""More tiles than a screen can hold sharply: the picture is coarser than the file can be read in tiles."""
Key = tuple[int, int, int]
"""Zoom, column, row of a tile."""


@dataclasses.dataclass(frozen=True)
class Viewpoint:
    """The level-0 point (x, y) in the middle of the view, and how many level-0 pixels a screen pixel spans."""

    x: float
    y: float
    scale: float

    def on_slide(self, px: float, py: float, width: float, height: float) -> tuple[float, float]:
        """The level-0 point under a point of a view of this size."""
        return self.x + (px - width / 2) * self.scale, self.y + (py - height / 2) * self.scale

    def on_screen(self, x: float, y: float, width: float, height: float) -> tuple[float, float]:
        """Where a level-0 point is in a view of this size."""
        return (x - self.x) / self.scale + width / 2, (y - self.y) / self.scale + height / 2

    def zoomed(self, factor: float, px: float, py: float, width: float, height: float) -> Viewpoint:
        """`factor` times as many level-0 pixels per screen pixel; what is under (px, py) stays there."""
        x, y = self.on_slide(px, py, width, height)
        scale = self.scale * factor
        return Viewpoint(x - (px - width / 2) * scale, y - (py - height / 2) * scale, scale)

    def shifted(self, dx: float, dy: float) -> Viewpoint:
        """Moved by screen pixels: the slide goes along with the hand."""
        return dataclasses.replace(self, x=self.x - dx * self.scale, y=self.y - dy * self.scale)

    def kept(self, slide: tuple[int, int], view: tuple[int, int]) -> Viewpoint:
        """The nearest viewpoint with the middle on the slide, between twice the whole slide and 8× pixels."""
        most = whole(slide, view).scale * 2
        scale = min(max(self.scale, ENLARGED), max(most, ENLARGED))
        return Viewpoint(min(max(self.x, 0), slide[0]), min(max(self.y, 0), slide[1]), scale)


def whole(slide: tuple[int, int], view: tuple[int, int]) -> Viewpoint:
    """All of a slide of this size in a view of this size, with a margin."""
    scale = max(slide[0] / max(view[0], 1), slide[1] / max(view[1], 1)) * 1.04
    return Viewpoint(slide[0] / 2, slide[1] / 2, scale)


def zoom_for(scale: float, coarsest: int) -> int:
    """The coarsest zoom whose pixels are no larger than the screen's."""
    return min(max(math.floor(math.log2(max(scale, 1e-9)) + 0.01), 0), coarsest)


def tiles_in(box: tuple[float, float, float, float], slide: tuple[int, int], zoom: int) -> list[Key]:
    """Tiles of a zoom that touch a level-0 box (left, top, right, bottom), the middle ones first.

    None where they would be more than any screen needs.
    """
    span = TILE_PX << zoom
    last_column, last_row = (slide[0] - 1) // span, (slide[1] - 1) // span
    left, right = max(int(box[0] // span), 0), min(int(box[2] // span), last_column)
    top, bottom = max(int(box[1] // span), 0), min(int(box[3] // span), last_row)
    if right < left or bottom < top or (right - left + 1) * (bottom - top + 1) > MOST_TILES:
        return []
    found = [(zoom, column, row) for row in range(top, bottom + 1) for column in range(left, right + 1)]
    middle = (box[0] + box[2]) / 2 / span - 0.5, (box[1] + box[3]) / 2 / span - 0.5
    return sorted(found, key=lambda key: (key[1] - middle[0]) ** 2 + (key[2] - middle[1]) ** 2)


def tile_box(key: Key, slide: tuple[int, int]) -> tuple[float, float, float, float]:
    """A tile's left, top, width and height in level-0 pixels; tiles at the edge are smaller."""
    zoom, column, row = key
    step = 1 << zoom
    left, top = column * TILE_PX * step, row * TILE_PX * step
    wide, high = min(TILE_PX * step, slide[0] - left), min(TILE_PX * step, slide[1] - top)
    return left, top, float(-(-wide // step) * step), float(-(-high // step) * step)


def round_length(most: float) -> float:
    """The largest of 1, 2, 5 · 10ⁿ that is not above `most`."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= most * (1 + 1e-9))


def length_words(um: float) -> str:
    """A length with the unit that suits it."""
    if um >= 1000:
        return f"{um / 1000:g} mm"
    return f"{um:g} µm" if um >= 1 else f"{um * 1000:g} nm"


def scale_bar(scale: float, mpp: float | None, most_px: float) -> tuple[float, str]:
    """A bar of at most `most_px` screen pixels: its length in them, and what it stands for.

    In level-0 pixels where the slide's resolution is not known.
    """
    unit = scale * (mpp or 1.0)
    length = round_length(most_px * unit)
    return length / unit, length_words(length) if mpp else f"{length:g} px"


def magnification_words(scale: float, mpp: float | None) -> str:
    """As a microscope's: 20× is 0.5 µm per screen pixel; a share of the file's own pixels where it is not known."""
    if mpp is None:
        return f"{100 / scale:.3g} %"
    return f"{OBJECTIVE_MPP / (mpp * scale):.3g}×"
