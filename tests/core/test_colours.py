"""Colours of classes."""

from __future__ import annotations

from workbench.core.colours import CATEGORIES, CLASS_COLOURS, class_rgb


def test_that_classes_begin_with_the_palette_and_no_two_of_them_look_alike() -> None:
    told = [class_rgb(one) for one in range(CLASS_COLOURS)]
    assert ["#{:02X}{:02X}{:02X}".format(*one) for one in told[: len(CATEGORIES)]] == list(CATEGORIES)
    assert len(set(told)) == CLASS_COLOURS and class_rgb(CLASS_COLOURS) == told[0]
