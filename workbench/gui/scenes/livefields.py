"""Trained fields of the scene, rendered from where one looks: by the worker, or by the run that learns them.

A radiance node whose `field` names a model folder is rendered by the worker; one whose `field` names a run that goes on
is asked of that run, within its share of the time. Either comes coarse at once and then finer.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from workbench.core import events as ev
from workbench.core.fields import VIEW, FieldFrame, FieldLook, FieldWish
from workbench.core.problem import ProblemRecord
from workbench.core.scenes import RadianceDoc, Viewpoint
from workbench.gui.asking import Asking
from workbench.gui.link import Link
from workbench.gui.scenes.looks import RadianceLook, look_of
from workbench.gui.scenes.scene import Scene, matrix_of, placement_of
from workbench.store.asked import ask, is_over, withdraw
from workbench.store.runfolder import EventTail, RunFolder

SOON_MS = 40
LOOKED_MS = 100
RENEWED_LOOKS = 150
"""Looks at a run's events after which what is asked of it is asked again."""
LARGEST_PX = 768


class ShowsRadiance(Protocol):
    """The part of the canvas that this needs."""

    def width(self) -> int:
        """In pixels."""

    def height(self) -> int:
        """In pixels."""

    def show_radiance(self, node: str, frame: QImage, depth: NDArray[np.float32], view: Viewpoint) -> None:
        """Show a field as it was rendered for a view."""


class LiveFields(QObject):
    """Keeps the first shown radiance node that is drawn from its field rendered from where the scene is seen.

    Nothing is asked while `parent`, the page, is hidden.
    """

    def __init__(self, link: Link, scene: Scene, canvas: ShowsRadiance, parent: QWidget) -> None:
        super().__init__(parent)
        self.scene, self.canvas = scene, canvas
        self.trouble: ProblemRecord | None = None
        self._asking = Asking(link, self, failed=self._failed)
        self._asking.grown.connect(lambda raw: self._rendered(msgspec.json.decode(raw, type=FieldFrame)))
        self._wanted: tuple[str, str, Viewpoint, FieldLook] | None = None
        self._tail: EventTail | None = None
        self._looks = 0
        self._soon = QTimer(self, singleShot=True, interval=SOON_MS)
        self._soon.timeout.connect(self._request)
        self._listen = QTimer(self, interval=LOOKED_MS)
        self._listen.timeout.connect(self._hear)
        for signal in (scene.viewed, scene.rearranged, scene.changed):
            signal.connect(self._later)
        self._page = parent
        parent.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A page that is hidden asks for nothing; one that is shown or resized looks anew."""
        if event.type() == QEvent.Type.Hide:
            self.leave()
        elif event.type() in (QEvent.Type.Show, QEvent.Type.Resize):
            self._later()
        return super().eventFilter(watched, event)

    def _later(self, *_: Any) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def node(self) -> tuple[str, str] | None:
        """The node that is rendered and its field's folder."""
        for one in self.scene.nodes.values():
            if isinstance(one.thing, RadianceDoc) and one.thing.field and self.scene.is_shown(one.id):
                look = look_of(one)
                if isinstance(look, RadianceLook) and look.rendered_by == "field":
                    return one.id, one.thing.field
        return None

    def leave(self) -> None:
        """Ask for nothing more."""
        self._listen.stop()
        self._soon.stop()
        self._asking.cancel()
        if self._wanted is not None:
            withdraw(Path(self._wanted[1]), VIEW)
        self._wanted, self._tail = None, None

    def _request(self) -> None:
        found = self.node() if self._page.isVisible() else None
        if found is None:
            if self._wanted is not None:
                self.leave()
            return
        node, folder = found
        wanted = (node, folder, self.scene.view, self._look(node))
        if wanted == self._wanted:
            return
        if self._wanted is not None and self._wanted[1] != folder:
            self.leave()
        self._wanted = wanted
        if self._runs(folder):
            with contextlib.suppress(OSError):
                ask(Path(folder), VIEW, wanted[3])
            self._follow(Path(folder))
        else:
            self._listen.stop()
            wish = msgspec.to_builtins(FieldWish(folder, wanted[3]))
            self._asking.ask("rendering the field", "field-render", FieldFrame, self._rendered, **wish)

    def _look(self, node: str) -> FieldLook:
        """The scene's view in the field's own coordinates, whose lengths the node's placement may scale."""
        inside = np.linalg.inv(self.scene.world(node))
        pose = inside @ matrix_of(self.scene.view.pose)
        scale = self._scale(node)
        pose[:3, :3] /= np.linalg.norm(pose[:3, :3], axis=0)
        view = msgspec.structs.replace(
            self.scene.view, pose=placement_of(pose), height=self.scene.view.height / scale, name=""
        )
        width, height = max(self.canvas.width(), 8), max(self.canvas.height(), 8)
        shrink = min(1.0, LARGEST_PX / max(width, height))
        return FieldLook(view, round(width * shrink), round(height * shrink))

    def _scale(self, node: str) -> float:
        """How much longer a length is in the scene than in the field."""
        return float(abs(np.linalg.det(self.scene.world(node)[:3, :3])) ** (1 / 3))

    @staticmethod
    def _runs(folder: str) -> bool:
        return (Path(folder) / "run.json").is_file() and not is_over(Path(folder))

    # Of a run that goes on

    def _follow(self, folder: Path) -> None:
        if self._tail is None:
            self._tail = EventTail(RunFolder(folder).events_path)
            with contextlib.suppress(OSError):
                self._tail.offset = self._tail.path.stat().st_size
        self._listen.start()

    def _hear(self) -> None:
        if self._tail is None or self._wanted is None:
            self._listen.stop()
            return
        run = Path(self._wanted[1])
        self._looks += 1
        if self._looks % RENEWED_LOOKS == 0:
            with contextlib.suppress(OSError):
                ask(run, VIEW, self._wanted[3])
        news = self._tail.read()
        shown = [one for one in news if isinstance(one, ev.Artifact) and one.kind == "frame"]
        if shown:
            with contextlib.suppress(msgspec.ValidationError):
                frame = msgspec.convert(shown[-1].meta, FieldFrame)
                image, depth = str(run / shown[-1].path), str(run / shown[-1].parts.get("depth", ""))
                self._rendered(msgspec.structs.replace(frame, rgba=image, depth=depth))
        if any(isinstance(one, ev.Finished | ev.Failed | ev.Cancelled) for one in news):
            self._listen.stop()
            self._wanted = None  # from now on the worker renders what was kept
            self._later()

    def _rendered(self, frame: FieldFrame) -> None:
        if self._wanted is None or frame.look != self._wanted[3]:
            return  # one looks from elsewhere by now
        node, _, view, _ = self._wanted
        with contextlib.suppress(OSError, ValueError):  # written over by a newer one meanwhile
            depth = np.load(frame.depth, allow_pickle=False) * np.float32(self._scale(node))
            self.trouble = None
            self.canvas.show_radiance(node, _picture(frame.rgba), depth, view)

    def _failed(self, record: ProblemRecord) -> None:
        self.trouble = record


def _picture(path: str) -> QImage:
    """Of a .png, or of an array (h, w, 4)."""
    if not path.endswith(".npy"):
        return QImage(path).convertToFormat(QImage.Format.Format_RGBA8888)
    rgba = np.ascontiguousarray(np.load(path, allow_pickle=False))
    height, width = rgba.shape[:2]
    return QImage(rgba.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
