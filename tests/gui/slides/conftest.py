"""A slide that a scripted worker tells of: every tile has a colour of its own."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.core.problem import InputError
from workbench.core.slides import TILE_PX, HeatMap, LevelInfo, SlideInfo

WIDTH, HEIGHT = 8000, 6000


def jpeg(colour: tuple[int, int, int], width: int = 64, height: int = 48) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(packed, "JPEG", quality=95, subsampling=0)
    return packed.getvalue()


def info(path: str = "/slides/a.svs", **more) -> SlideInfo:
    levels = tuple(LevelInfo(WIDTH >> at, HEIGHT >> at, float(1 << at)) for at in range(4))
    told = {"mpp": 0.25, "thumbnail": jpeg((90, 90, 90), 256, 192), "coarsest": 6, "tissue": 0.4, "grid": 77}
    return SlideInfo(path, Path(path).name, "tifffile", "aperio", levels, **{**told, **more})


class Slides:
    """What the worker would say."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.broken: set[tuple[int, int, int]] = set()
        self.info = info()
        self.wishes: list[dict] = []

    def slide(self, asked):
        self.wishes.append(asked)
        return self.info

    def tile(self, asked):
        key = (asked["zoom"], asked["column"], asked["row"])
        self.asked.append(key)
        if key in self.broken:
            return InputError(
                "The slide cannot be read.", expected="a whole file", received="a torn tile", fix="Copy it."
            )
        return jpeg((200, 20 * (key[1] % 12), 20 * (key[2] % 12)), TILE_PX, TILE_PX)

    def grid(self, asked):
        self.wishes.append(asked)
        return HeatMap(((0, 0), (512, 0), (4096, 2048)), 512, {"tissue": (0.5, 1.0, 0.75)})

    def take_part(self, answers: dict) -> None:
        answers.update({
            "slide": self.slide, "slide-tile": self.tile, "slide-grid": self.grid, "slide-sample": self.slide,
        })  # fmt: skip


@pytest.fixture
def slides(scripted) -> Slides:
    found = Slides()
    found.take_part(scripted.answers)
    return found


@pytest.fixture
def page(open_window, slides):
    return open_window().open_page("medical")


@pytest.fixture
def viewer(page, qtbot):
    page.open_case("/slides/a.svs")
    qtbot.waitUntil(lambda: page.slides.info is not None)
    found = page.slides.viewer
    qtbot.waitUntil(lambda: not found.tiles.busy and found.canvas.width() > 300)
    return found


def colour(widget, x: float, y: float) -> np.ndarray:
    """Of the widget as it is painted, at a point."""
    pixel = widget.grab().toImage().pixelColor(round(x), round(y))
    return np.array([pixel.red(), pixel.green(), pixel.blue()])
