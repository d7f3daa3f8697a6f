"""Trained fields of the scene, rendered from where one looks: by the worker, or by the run that learns them.

A radiance node whose `field` names a model folder is rendered by the worker; one whose `field` names a run that goes on
is asked of that run, within its share of the time. Either comes coarse at once and then finer.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

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


class Wanted(NamedTuple):
    """What is to be seen of a field."""

    folder: str
    view: Viewpoint
    look: FieldLook


class LiveFields(QObject):
    """Keeps the shown radiance nodes that are drawn from their fields rendered from where the scene is seen.

    Each run that goes on is asked on its own; the worker renders one field at a time, the one first whose picture is
    oldest, so that none is left behind while one moves. Nothing is asked while `parent`, the page, is hidden.
    """

    def __init__(self, link: Link, scene: Scene, canvas: ShowsRadiance, parent: QWidget) -> None:
        super().__init__(parent)
        self.scene, self.canvas = scene, canvas
        self.trouble: ProblemRecord | None = None
        self._asking = Asking(link, self, failed=self._failed)
        self._asking.grown.connect(self._grown)
        self._wanted: dict[str, Wanted] = {}
        self._asked = ""
        """The node whose field the worker renders."""
        self._waiting: list[str] = []
        self._seen_s: dict[str, float] = {}
        self._finest: dict[str, int] = {}
        """How coarse the picture is that is seen from where one looks now."""
        self._runs: dict[str, tuple[str, EventTail]] = {}
        """Nodes by the run that renders them, and what it tells."""
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

    def nodes(self) -> dict[str, str]:
        """The nodes that are rendered, and their fields' folders; of several copies of a run that goes on the first."""
        found: dict[str, str] = {}
        for one in self.scene.nodes.values():
            if isinstance(one.thing, RadianceDoc) and one.thing.field and self.scene.is_shown(one.id):
                look, folder = look_of(one), one.thing.field
                taken = folder in found.values() and self._goes_on(folder)
                if isinstance(look, RadianceLook) and look.rendered_by == "field" and not taken:
                    found[one.id] = folder
        return found

    def leave(self) -> None:
        """Ask for nothing more."""
        self._listen.stop()
        self._soon.stop()
        self._asking.cancel()
        for folder in self._runs:
            withdraw(Path(folder), VIEW)
        self._wanted, self._runs, self._waiting, self._asked, self._finest = {}, {}, [], "", {}

    def _request(self) -> None:
        found = self.nodes() if self._page.isVisible() else {}
        wanted = {node: Wanted(folder, self.scene.view, self._look(node)) for node, folder in found.items()}
        other = [node for node, one in wanted.items() if one != self._wanted.get(node)]
        for folder in [one for one in self._runs if one not in found.values() or not self._goes_on(one)]:
            withdraw(Path(folder), VIEW)
            del self._runs[folder]
        self._wanted = wanted
        for node in other:
            self._finest.pop(node, None)
        if not wanted:
            self.leave()
            return
        for node in other:
            if self._goes_on(wanted[node].folder):
                self._ask_run(node, wanted[node])
        if self._asked in other or self._asked not in wanted:
            self._asking.cancel()
            self._asked = ""
        due = {*self._waiting, *other}
        self._waiting = sorted((one for one, what in wanted.items() if one in due and what.folder not in self._runs),
                               key=lambda one: self._seen_s.get(one, 0.0))  # fmt: skip
        self._next()

    def _next(self) -> None:
        """Let the worker render what has waited longest."""
        if self._asked or not self._waiting:
            return
        node = self._asked = self._waiting.pop(0)
        wish = msgspec.to_builtins(FieldWish(self._wanted[node].folder, self._wanted[node].look))
        self._asking.ask("rendering the field", "field-render", FieldFrame, self._finished, **wish)

    def _grown(self, raw: msgspec.Raw) -> None:
        self._rendered(self._asked, msgspec.json.decode(raw, type=FieldFrame))

    def _finished(self, frame: FieldFrame) -> None:
        node, self._asked = self._asked, ""
        self._rendered(node, frame)
        self._next()

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
    def _goes_on(folder: str) -> bool:
        return (Path(folder) / "run.json").is_file() and not is_over(Path(folder))

    # Of runs that go on

    def _ask_run(self, node: str, wanted: Wanted) -> None:
        folder = Path(wanted.folder)
        with contextlib.suppress(OSError):
            ask(folder, VIEW, wanted.look)
        tail = self._runs[wanted.folder][1] if wanted.folder in self._runs else None
        if tail is None:
            tail = EventTail(RunFolder(folder).events_path)
            with contextlib.suppress(OSError):
                tail.offset = tail.path.stat().st_size
        self._runs[wanted.folder] = node, tail
        self._listen.start()

    def _hear(self) -> None:
        if not self._runs:
            self._listen.stop()
            return
        self._looks += 1
        for folder, (node, tail) in list(self._runs.items()):
            self._hear_run(Path(folder), node, tail)

    def _hear_run(self, run: Path, node: str, tail: EventTail) -> None:
        renew = self._looks % RENEWED_LOOKS == 0 and node in self._wanted
        if renew:
            with contextlib.suppress(OSError):
                ask(run, VIEW, self._wanted[node].look)
        news = tail.read()
        shown = [one for one in news if isinstance(one, ev.Artifact) and one.kind == "frame"]
        if shown:
            with contextlib.suppress(msgspec.ValidationError):
                frame = msgspec.convert(shown[-1].meta, FieldFrame)
                image, depth = str(run / shown[-1].path), str(run / shown[-1].parts.get("depth", ""))
                self._rendered(node, msgspec.structs.replace(frame, rgba=image, depth=depth))
        # One that ended just before it was listened to has no news of it.
        if any(isinstance(one, ev.Finished | ev.Failed | ev.Cancelled) for one in news) or (
            renew and not self._goes_on(str(run))
        ):
            withdraw(run, VIEW)
            self._runs.pop(str(run), None)
            self._wanted.pop(node, None)  # from now on the worker renders what was kept
            self._later()

    def _rendered(self, node: str, frame: FieldFrame) -> None:
        wanted = self._wanted.get(node)
        if wanted is None or frame.look != wanted.look:
            return  # one looks from elsewhere by now
        if frame.coarseness > self._finest.get(node, frame.coarseness):
            return  # it was begun anew, after it made way for another question
        self._finest[node] = frame.coarseness
        self._seen_s[node] = time.monotonic()
        with contextlib.suppress(OSError, ValueError):  # written over by a newer one meanwhile
            depth = np.load(frame.depth, allow_pickle=False) * np.float32(self._scale(node))
            self.trouble = None
            self.canvas.show_radiance(node, _picture(frame.rgba), depth, wanted.view)

    def _failed(self, record: ProblemRecord) -> None:
        self.trouble = record
        self._asked = ""
        self._next()


def _picture(path: str) -> QImage:
    """Of a .png, or of an array (h, w, 4)."""
    if not path.endswith(".npy"):
        return QImage(path).convertToFormat(QImage.Format.Format_RGBA8888)
    rgba = np.ascontiguousarray(np.load(path, allow_pickle=False))
    height, width = rgba.shape[:2]
    return QImage(rgba.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
