"""Boxes of a scene as arrays, made once for as long as nothing of them changes: thousands are drawn at every turn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor

from workbench.core.colours import class_rgb
from workbench.core.scenes import Box, BoxesDoc, Node
from workbench.gui.scenes.looks import BoxesLook, Rgb, colour_table, look_of
from workbench.gui.scenes.scene import Seen
from workbench.gui.theme import DARK

EDGES = [(i, i ^ 1 << k) for i in range(8) for k in range(3) if not i >> k & 1]
"""The twelve edges of a box by its corners."""
SIGNS = np.array([[(-1, 1)[i >> k & 1] for k in range(3)] for i in range(8)], np.float64)
_MARK = QColor(DARK.accent)
MARK: Rgb = (_MARK.red(), _MARK.green(), _MARK.blue())
"""Of what is chosen or selected: pictures are black in both themes, and so is the mark the same in both."""


class BoxShapes(NamedTuple):
    """The boxes that a node's look lets through, B of them, and how they are drawn."""

    node: Node
    look: BoxesLook
    places: NDArray[np.intp]
    """(B,): their places in the document."""
    corners: NDArray[np.float64]
    """(B, 8, 3), in scene coordinates; corner i lies on the far side of axis k where bit k of i is set."""
    colours: NDArray[np.uint8]
    """(B, 3)."""
    words: tuple[str, ...]
    """What is written at them."""


def corners_of(box: Box) -> NDArray[np.float64]:
    """The corners of a box, (8, 3); corner i lies on the far side of axis k where bit k of i is set."""
    return np.asarray(corners_of_all((box,))[0])


def corners_of_all(boxes: tuple[Box, ...]) -> NDArray[np.float64]:
    """The corners of boxes, (B, 8, 3)."""
    rows = np.array([(*one.centre, *one.size, math.cos(one.yaw_rad), math.sin(one.yaw_rad)) for one in boxes])
    rows = rows.reshape(-1, 8)
    at = SIGNS * (rows[:, None, 3:6] / 2)
    c, s = rows[:, 6, None], rows[:, 7, None]
    turned = np.stack([c * at[..., 0] - s * at[..., 1], s * at[..., 0] + c * at[..., 1], at[..., 2]], axis=-1)
    return np.asarray(turned + rows[:, None, :3])


def box_colour(doc: BoxesDoc, box: Box, look: BoxesLook) -> Rgb:
    """The colour of a box by its look: of its label, its score, or the plain one."""
    if look.colour_by == "score" and box.score is not None:
        red, green, blue = colour_table(look.colour_map)[round(min(max(box.score, 0.0), 1.0) * 255)]
        return int(red), int(green), int(blue)
    if look.colour_by == "plain":
        return look.colour
    names = doc.names or tuple(dict.fromkeys(one.label for one in doc.boxes))
    return class_rgb(names.index(box.label) if box.label in names else len(names))


def _colours(doc: BoxesDoc, boxes: tuple[Box, ...], look: BoxesLook) -> NDArray[np.uint8]:
    """The colours of several boxes, (B, 3): each label is looked up once."""
    if look.colour_by != "label":
        return np.array([box_colour(doc, one, look) for one in boxes], np.uint8).reshape(-1, 3)
    names = doc.names or tuple(dict.fromkeys(one.label for one in doc.boxes))
    known = {name: class_rgb(at) for at, name in reversed(list(enumerate(names)))}
    other = class_rgb(len(names))
    return np.array([known.get(one.label, other) for one in boxes], np.uint8).reshape(-1, 3)


def boxes_shown(doc: BoxesDoc, look: BoxesLook) -> Iterator[tuple[int, Box]]:
    """The boxes that a look lets through, with their places in the document."""
    for at, box in enumerate(doc.boxes):
        if (box.score is None or box.score >= look.least_score) and box.label not in look.without:
            yield at, box


def shapes_of(scene: Seen) -> list[BoxShapes]:
    """The boxes of all nodes that are shown, in the order of the tree."""
    found = []
    for node in scene.nodes.values():
        if isinstance(node.thing, BoxesDoc) and scene.is_shown(node.id):
            made = scene.remembered(("boxes", node.id), lambda node=node: _shapes(scene, node))  # type: ignore[misc]
            if made is not None:
                found.append(made)
    return found


def _shapes(scene: Seen, node: Node) -> BoxShapes | None:
    doc, look = node.thing, look_of(node)
    if not (isinstance(doc, BoxesDoc) and isinstance(look, BoxesLook)):
        return None
    some = list(boxes_shown(doc, look))
    boxes = tuple(box for _, box in some)
    placed = scene.world(node.id)
    words = tuple(f"{one.label} {one.score:.2f}" if one.score is not None else one.label for one in boxes)
    return BoxShapes(
        node, look, np.array([at for at, _ in some], np.intp),
        corners_of_all(boxes) @ placed[:3, :3].T + placed[:3, 3], _colours(doc, boxes, look), words,
    )  # fmt: skip
