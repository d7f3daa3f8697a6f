"""Colours of classes, the same in the window, in a scene, and in what recipes draw."""

from __future__ import annotations

CATEGORIES = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#F0E442", "#999999")
"""Okabe and Ito's palette, told apart by colour-blind eyes; black and white are left to the text."""
DARKER, LIGHTER = 0.6, 0.5
"""How far the hues of the second lap go to black, and those of the third to white."""
CLASS_COLOURS = 3 * len(CATEGORIES)
"""So many classes have a colour of their own."""


def class_rgb(value: int) -> tuple[int, int, int]:
    """The colour of a class by its value: after the eighth the hues return darker, after the sixteenth lighter."""
    hue = CATEGORIES[value % len(CATEGORIES)]
    red, green, blue = (_turned(int(hue[at : at + 2], 16), value // len(CATEGORIES) % 3) for at in (1, 3, 5))
    return red, green, blue


def _turned(part: int, lap: int) -> int:
    return int((part, part * DARKER, part + (255 - part) * LIGHTER)[lap])
