from __future__ import annotations

import re

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from workbench.gui.icons import large_icon
from workbench.gui.stylesheet import stylesheet
from workbench.gui.theme import DARK, LIGHT, Tokens, theme


def luminance(colour: str) -> float:
    parts = [value / 255 for value in QColor(colour).getRgb()[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_that_text_can_be_read_on_every_ground(tokens: Tokens) -> None:
    for ground in (tokens.background, tokens.surface, tokens.raised):
        assert contrast(tokens.text, ground) >= 7
        assert contrast(tokens.dim, ground) >= 4.5
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_that_every_colour_of_the_sheet_comes_from_the_tokens(tokens: Tokens) -> None:
    assert "$" not in stylesheet(tokens)
    other = LIGHT if tokens is DARK else DARK
    assert other.background not in stylesheet(tokens)


def test_that_lengths_grow_with_the_scale() -> None:
    def heights(scale: float) -> list[int]:
        return [int(found) for found in re.findall(r"min-height: (\d+)px", stylesheet(DARK, scale))]

    assert all(large == pytest.approx(2 * small, abs=1) for small, large in zip(heights(1), heights(2), strict=True))


def test_that_switching_tells_everybody_and_dresses_the_application(qapp: QApplication) -> None:
    told: list[Tokens] = []
    theme().changed.connect(told.append)
    theme().use("light")
    theme().use("light")
    theme().changed.disconnect(told.append)
    assert told == [LIGHT]
    assert LIGHT.accent in qapp.styleSheet()


def test_that_a_start_place_s_picture_has_the_size_that_it_asks_for(qapp: QApplication) -> None:
    picture = large_icon("mdi6.filmstrip", 48, DARK.dim)
    assert picture.width() == 96 and picture.devicePixelRatio() == 2
    image = picture.toImage()
    drawn = [x for x in range(96) for y in range(96) if image.pixelColor(x, y).alpha() > 128]
    assert max(drawn) - min(drawn) > 48
