"""Colours of data."""

import numpy as np
import pytest
from PySide6.QtGui import QColor

from workbench.gui.theme import DARK, LIGHT
from workbench.gui.views import palette


def test_that_ramps_are_even_in_lightness():
    for now in (DARK, LIGHT):
        ramp = palette.ramp(now.surface, now.accent)
        light = np.array([palette.lightness("#{:02X}{:02X}{:02X}".format(*row)) for row in ramp[::16]])
        steps = np.diff(light)
        assert (np.sign(steps) == np.sign(steps[0])).all()
        assert np.abs(steps - steps.mean()).max() < 0.006


def test_that_thirty_two_categories_differ_in_colour_or_shape():
    for now in (DARK, LIGHT):
        looks = {(palette.category(at, now).name(), palette.symbol(at, now)) for at in range(32)}
        assert len(looks) == 32


def test_that_no_category_vanishes_on_its_ground():
    for now in (DARK, LIGHT):
        ground = palette.lightness(now.surface)
        for at in range(8):
            assert abs(palette.lightness(palette.category(at, now).name()) - ground) > 0.15


def test_that_train_and_validation_keep_their_colours():
    assert palette.series("validation", 0, DARK) == palette.series("validation", 3, DARK)
    assert palette.series("train", 0, DARK) != palette.series("validation", 0, DARK)


def test_that_words_on_a_colour_can_be_read():
    assert palette.on("#FFFFFF").lightness() < 60
    assert palette.on("#000000").lightness() > 200
    assert palette.contrast("#FFFFFF", "#000000") == pytest.approx(21)


@pytest.mark.parametrize("now", [DARK, LIGHT], ids=lambda now: now.name)
def test_that_words_have_the_contrast_they_need_on_every_ground(now):
    grounds = [now.background, now.surface, now.raised, now.blend(now.raised, 0.6), now.blend(now.accent, 0.18)]
    for words in (now.text, now.dim, now.accent, now.ok, now.warning, now.error):
        assert min(palette.contrast(words, ground) for ground in grounds) >= palette.READABLE
    assert palette.contrast(now.on_accent, now.accent) >= palette.READABLE


@pytest.mark.parametrize("now", [DARK, LIGHT], ids=lambda now: now.name)
def test_that_tags_can_be_read_on_their_own_tint(now):
    for at in range(8):
        colour = palette.category(at, now)
        tint = now.blend(colour.name(), 0.26 if now.dark else 0.22)
        assert palette.contrast(palette.ink(colour, now), tint) >= palette.READABLE


@pytest.mark.parametrize("now", [DARK, LIGHT], ids=lambda now: now.name)
def test_that_counts_can_be_read_on_every_shade_of_a_confusion_matrix(now):
    shades = [QColor(*map(int, row)) for row in palette.ramp(now.blend(now.raised, 0.55), now.accent)]
    assert min(palette.contrast(palette.on(shade), shade) for shade in shades) >= palette.READABLE
    assert min(palette.contrast(now.dim, shade) for shade in shades[:26]) >= palette.READABLE
