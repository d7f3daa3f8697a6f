"""What an operation gives for a sample, drawn over the scene and apart from it: no edit ever meets a preview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from workbench.core.sceneprocess import SceneProcessed
from workbench.core.scenes import Node, PointsDoc
from workbench.gui.card import Caption
from workbench.gui.scenes.canvas import SceneCanvas
from workbench.gui.scenes.looks import COLUMN, NORMALS
from workbench.gui.scenes.scene import Scene
from workbench.gui.theme import theme

FIXED, MOVING = (86, 180, 233), (230, 159, 0)
"""Sky blue and orange of Okabe and Ito."""


class ProcessPreview(QWidget):
    """Covers the canvas while it shows something, and is seen from where the scene is."""

    closed = Signal()

    def __init__(self, canvas: QWidget, scene: Scene) -> None:
        super().__init__(canvas)
        self._canvas, self._main = canvas, scene
        self.scene = Scene(self)
        self.canvas: SceneCanvas | None = None
        self._nodes: tuple[Sequence[Node], Sequence[Node]] = ((), ())
        self.before = False
        self.words = Caption()
        leave = QPushButton("Close")
        leave.setProperty("role", "compact")
        leave.setToolTip("Back to the scene as it is")
        leave.clicked.connect(lambda _=False: self.close())
        px = theme().pixels
        line = QHBoxLayout()
        line.setContentsMargins(px(8), px(4), px(8), px(4))
        line.addWidget(self.words, 1)
        line.addWidget(leave)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addLayout(line)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("scrolled")
        self.setAutoFillBackground(True)
        self.hide()
        canvas.installEventFilter(self)
        self.scene.viewed.connect(lambda: self._main.look_from(self.scene.view) if self.showing else None)
        scene.viewed.connect(lambda: self.scene.look_from(self._main.view) if self.showing else None)

    @property
    def showing(self) -> bool:
        """Whether there is a preview."""
        return bool(self._nodes[1])

    def show_nodes(self, before: Sequence[Node], after: Sequence[Node], told: str) -> None:
        """Show what came of it; `before` is what it was made of."""
        if self.canvas is None:  # a second context of the graphics card, only where one previews
            self.canvas = SceneCanvas(self.scene)
            self._column.addWidget(self.canvas, 1)
        self._nodes, self.before = (before, after), False
        self.words.set_whole(told)
        self.scene.look_from(self._main.view)
        self.scene.set_nodes(after)
        self.setGeometry(self._canvas.rect())
        self.show()
        self.raise_()

    def show_before(self, before: bool) -> None:
        """Show what it was made of, or what came of it."""
        self.before = before
        self.scene.set_nodes(self._nodes[0 if before else 1])

    def close(self) -> bool:
        """Back to the scene."""
        if not self.showing:
            return True
        self._nodes, self.before = ((), ()), False
        self.hide()
        self.scene.set_nodes(())
        self.closed.emit()
        return True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._canvas.rect())
        return False


def preview_nodes(
    on: Node, other: Node | None, found: SceneProcessed, gone: str = ""
) -> tuple[list[Node], list[Node]]:  # fmt: skip
    """What is seen before and after an operation, with placements of the scene; a second thing is seen in both.

    Where only a selection was worked on, `gone` is the mask of what is not seen of the rest, which is seen afterwards.
    """
    apart = found.world is not None and other is not None
    beside = [] if other is None else [_plain(other, "beside", FIXED) if apart else _at(other, "beside")]
    made = [_at(on, f"made-{at}", one.thing) for at, one in enumerate(found.made)]
    if not made:
        made = [_at(on, "made-0", found.thing)]
    made = [_by_column(one, found.column) for one in made]
    before = [_at(on, "before", _sampled(on, found))]
    if apart:
        before = [_plain(one, one.id, MOVING) for one in before]
        made = [_plain(msgspec.structs.replace(one, placement=found.world), one.id, MOVING) for one in made]
    if gone and found.world is None:
        beside = [*beside, msgspec.structs.replace(on, id="rest", hidden=gone, shown=True)]
        return [*before, *beside[:-1]], [*made, *beside]
    return [*before, *beside], [*made, *beside]


def _sampled(on: Node, found: SceneProcessed) -> Any:
    """The points that the preview was made of, where they are told; else the thing itself."""
    first = found.made[0].thing if found.made else None
    return first if isinstance(first, PointsDoc) and found.world is not None else on.thing


def _at(node: Node, name: str, thing: Any = None) -> Node:
    if thing is None:
        return msgspec.structs.replace(node, id=name, shown=True)
    return msgspec.structs.replace(node, id=name, thing=thing, shown=True, look={}, hidden="")


def _plain(node: Node, name: str, colour: tuple[int, int, int]) -> Node:
    return msgspec.structs.replace(node, id=name, shown=True, look={"colour_by": "plain", "colour": colour})


def _by_column(node: Node, column: str) -> Node:
    thing = node.thing
    if not column or not isinstance(thing, PointsDoc):
        return node
    kind = next((one.kind for one in thing.columns if one.name == column), "")
    return msgspec.structs.replace(
        node, look={"colour_by": NORMALS if kind == "normal" else f"{COLUMN}{column}"} if kind else {}
    )  # fmt: skip
