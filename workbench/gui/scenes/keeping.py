"""Keeps the scene: saved by itself after every edit, written to a project file when asked, opened again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox

from workbench.core.problem import ProblemRecord
from workbench.core.scenes import MeshDoc, Node, PointsDoc, SceneRead
from workbench.core.words import count
from workbench.gui.asking import Asking
from workbench.gui.autosave import Autosave
from workbench.gui.filespage import ask_paths
from workbench.gui.savedialog import ask_where
from workbench.gui.scenes import projects
from workbench.gui.scenes.edits import PutEdit
from workbench.gui.scenes.projects import Kept, arrays_of
from workbench.gui.scenes.selecting import count_of
from workbench.gui.scenes.sessions import Session

if TYPE_CHECKING:
    from workbench.gui.scenes.page import ScenesPage

MOST_DEEP = 5
"""Folders below a project's in which its sources are looked for."""
VIEW_MS = 3000
"""After the view was moved last it is saved as well."""


class Keeping(QObject):
    """`told` says how the scene is kept: 'autosaved 4 s ago'."""

    told = Signal(str)

    def __init__(self, page: ScenesPage) -> None:
        super().__init__(page)
        self.page, self.scene, self.state, self.link = page, page.scene, page.state, page.link
        self.root = self.link.home.edits / "scenes"
        self._session: Session | None = None
        self._turn = threading.RLock()
        self._scene_number = 0
        self._sought = self._restoring = False
        self.autosave = Autosave(self.link, self._take, self)
        self.autosave.told.connect(lambda _: self.told.emit(self.words()))
        self._rereading = Asking(self.link, self, failed=self._not_reread)
        self._missing: list[str] = []
        self._reread = ""
        self._viewed = QTimer(self)
        self._viewed.setSingleShot(True)
        self._viewed.setInterval(VIEW_MS)
        self._viewed.timeout.connect(self.autosave.touch)
        page.document.changed.connect(self._edited)
        self.scene.viewed.connect(lambda: self._viewed.start() if self.scene.nodes else None)

    # What is kept

    def folder(self) -> Path:
        """Where arrays of edits are written, from any thread; raises OSError."""
        return self._begun().folder

    def _begun(self) -> Session:
        """The session, from any thread."""
        with self._turn:
            if self._session is None:
                self._session = Session.begin(self.root)
            return self._session

    @property
    def unsaved(self) -> bool:
        """Whether the scene is not as its project file has it."""
        return bool(self.scene.nodes) and not (self.state.path and self.page.document.clean)

    def words(self) -> str:
        """The project's name and how it is kept."""
        name = Path(self.state.path).stem if self.state.path else ""
        mark = " (changed)" if name and not self.page.document.clean else ""
        return "   ·   ".join(filter(None, [name + mark, self.autosave.words()]))

    def kept(self) -> Callable[[], Kept]:
        """What packs the scene as it stands now, on any thread: a selection among millions takes long."""
        doc, masks = self.state.document(), dict(self.scene.selection)
        path, saved = self.state.path, self.page.document.clean
        return lambda: projects.kept(doc, masks, path=path, saved=saved)

    def _edited(self) -> None:
        if not self._restoring:
            self.autosave.touch()

    def _take(self) -> Callable[[], object]:
        kept, scene = self.kept(), self._scene_number

        def write() -> None:
            packed = kept()
            with self._turn:
                if scene == self._scene_number:  # otherwise it was closed meanwhile, and is not to come back
                    self._begun().write(packed)

        return write

    # The session

    def seek(self) -> None:
        """Once, when the page is first seen: go on with what a window before has left."""
        if self._sought or self.scene.nodes:
            return
        self._sought = True
        self.link.background(lambda: Session.left(self.root), then=self._found, owner=self)

    def _found(self, found: tuple[Session, Kept] | None) -> None:
        if found is None:
            return
        session, kept = found
        if self.scene.nodes or self._session is not None:  # something was opened meanwhile
            session.release()
            return
        self._session = session
        self.link.background(lambda: session.tidy(kept), owner=self)
        self.take(kept)
        self.page.note(["The scene that was open last is here again, with its edits."])

    def take(self, kept: Kept) -> None:
        """Another scene; it cannot be undone."""
        self._restoring = True
        self.page.document.clear()
        self.state.path = kept.path
        self.state.take(kept.scene)
        try:
            masks = {name: one for name, one in kept.masks().items() if name in self.scene.nodes
                     and len(one) == count_of(self.scene.nodes[name])}  # fmt: skip
        except Exception:  # a damaged selection is not worth the scene
            masks = {}
        self.scene.select(masks)
        if not kept.saved:
            self.page.document.stack.resetClean()
        self._restoring = False
        self.page.follow()
        self._look_for_missing()

    def leave(self) -> None:
        """The window closes: what is not on disk yet is written, and the next window goes on from here."""
        self._viewed.stop()
        if self.scene.nodes:
            self.autosave.flush()
        if self._session is not None:
            self._session.release() if self.scene.nodes else self._session.remove()
        self._session = None

    def drop(self) -> None:
        """The scene is closed: nothing of the session is kept."""
        self._rereading.cancel()
        self.autosave.forget()
        with self._turn:
            self._scene_number += 1
            if self._session is not None:
                self._session.remove()
            self._session = None

    # Project files

    def save(self) -> None:
        """Write the project file; ask for one where there is none."""
        if self.state.path:
            self._write(Path(self.state.path))
        else:
            self.save_as()

    def save_as(self) -> None:
        """Ask where, and write."""
        first = next(iter(self.scene.nodes.values())).name if self.scene.nodes else "scene"
        beside = Path(self.state.path) if self.state.path else Path(self.page.recent[0]) if self.page.recent else None
        proposed = beside.with_name(Path(self.state.path).stem or first) if beside else Path.home() / first
        ask_where(self.page, "Save the scene as a project", proposed, {"Scene projects (*.scene)": projects.SUFFIX},
                  then=self._write, failed=self.page.failed_with)  # fmt: skip

    def _write(self, path: Path) -> None:
        kept = self.kept()
        self.page.tell("project", f"Saving {path.name}")
        index = self.page.document.stack.index()

        def done(_: object) -> None:
            self.page.tell("project", "")
            self.state.path = str(path)
            if self.page.document.stack.index() == index:
                self.page.document.set_clean()
            self.page.remember(str(path))
            self.autosave.touch()
            self.page.follow()

        def failed(record: ProblemRecord) -> None:
            self.page.tell("project", "")
            self.page.failed_with(record)

        self.link.background(lambda: projects.write(path, kept(), self.folder()), then=done, failed=failed, owner=self)

    def ask_open(self) -> None:
        """Choose a project."""
        self.page.ask("Open a project", QFileDialog.FileMode.ExistingFile, lambda some: self.open(some[0]),
                      "Scene projects (*.scene)")  # fmt: skip

    def open(self, path: str) -> None:
        """Open a project in place of the scene; what is not saved is asked about."""
        self.ask_before("Open another project?", lambda: self._open(path))

    def _open(self, path: str) -> None:
        self.page.wish = path
        self.page.tell("project", f"Opening {Path(path).name}")

        def work() -> tuple[Session, Kept]:
            session = Session.begin(self.root)
            try:
                return session, projects.read(Path(path), session.folder)
            except BaseException:
                session.remove()
                raise

        def then(found: tuple[Session, Kept]) -> None:
            self.page.tell("project", "")
            self.drop()
            self._session = found[0]
            self.take(found[1])
            self.page.remember(path)
            self.autosave.touch()

        def failed(record: ProblemRecord) -> None:
            self.page.tell("project", "")
            self.page.failed_with(record)

        self.link.background(work, then=then, failed=failed, owner=self)

    def ask_before(self, title: str, then: Callable[[], object]) -> None:
        """Do something that ends this scene, at once where it is saved or empty; otherwise ask."""
        if not self.unsaved:
            then()
            return
        asked = QMessageBox(self.page)
        asked.setWindowTitle(title)
        asked.setText("The scene is in no project file as it stands." if self.state.path
                      else "The scene is in no project file.")  # fmt: skip
        asked.setInformativeText("Closed without saving, its edits are gone. Files that were read stay as they are.")
        save = asked.addButton("Save…", QMessageBox.ButtonRole.AcceptRole)
        away = asked.addButton("Do not save", QMessageBox.ButtonRole.DestructiveRole)
        stay = asked.addButton("Stay here", QMessageBox.ButtonRole.RejectRole)
        asked.setDefaultButton(save)
        asked.setEscapeButton(stay)

        def chosen() -> None:
            if asked.clickedButton() is save:
                self.save()
            elif asked.clickedButton() is away:
                then()
            asked.deleteLater()

        asked.finished.connect(lambda _: chosen())
        asked.open()

    # Arrays that are gone

    def _look_for_missing(self) -> None:
        nodes = [one for one in self.scene.nodes.values() if one.thing is not None]

        def gone() -> list[Node]:
            found = [one for one in nodes if not all(Path(path).is_file() for path in arrays_of(one))]
            # What can be read again is not to wait for what must be looked for.
            return sorted(found, key=lambda one: not Path(one.source).exists())

        self.link.background(gone, then=self._read_again, owner=self)

    def _read_again(self, nodes: Sequence[Node]) -> None:
        """The cache was cleared, or the project comes from elsewhere: sources are read once more."""
        self._missing = list(dict.fromkeys(one.source for one in nodes if one.source))
        lost = [one.name for one in nodes if not one.source]
        if lost:
            self.page.note([f"Its arrays are gone, and no file holds them: {', '.join(lost[:5])}"])
        self._next_missing()

    def _next_missing(self) -> None:
        if not self._missing:
            return
        self._reread = self._missing.pop(0)
        path = self._reread if Path(self._reread).exists() else moved_with(self._reread, self.state.path)
        if path:
            self._read_from(path)
        else:
            self._tell_missing(self._reread)

    def _read_from(self, path: str) -> None:
        source = self._reread
        self.page.tell("again", f"Reading {Path(path).name} again")
        self._rereading.ask("", "scene-read", SceneRead, lambda found: self._reread_done(source, path, found),
                            path=path)  # fmt: skip

    def _tell_missing(self, source: str) -> None:
        more = f"{count(len(self._missing), 'more file')}, told of after this one" if self._missing else ""
        record = ProblemRecord("A file that the scene shows is not where it was.", expected=source, received=more,
                               fix="Find it, or remove what was read from it.", place=Path(source).name)  # fmt: skip
        self.page.banner.show_problem(record, ("Find it…", lambda: self._ask_for(source)))

    def _ask_for(self, source: str) -> None:
        def chosen(paths: Sequence[str]) -> None:
            self.page.banner.dismiss()
            self._reread = source
            self._read_from(paths[0])

        ask_paths(self.page, f"Where is {Path(source).name}?", QFileDialog.FileMode.ExistingFile, chosen, beside=source)

    def _not_reread(self, record: ProblemRecord) -> None:
        self.page.tell("again", "")
        self.page.failed_with(record)
        self._next_missing()

    def _reread_done(self, source: str, path: str, found: SceneRead) -> None:
        self.page.tell("again", "")
        nodes = [one for one in self.scene.nodes.values() if one.source == source and one.thing is not None]
        put, unlike = [], []
        for one in nodes:
            if all(Path(path).is_file() for path in arrays_of(one)):
                continue
            alike = [two for two in found.things if type(two.thing) is type(one.thing)]
            named = [two for two in alike if two.name == one.name] or (alike if len(alike) == 1 else [])
            if not named or not _same_size(one.thing, named[0].thing):
                unlike.append(one.name)
                continue
            put.append(msgspec.structs.replace(one, thing=named[0].thing, source=path))
        if put:
            self._restoring = True  # no edit of the person's: it is not undone
            PutEdit(self.scene, put, text="").redo()
            self._restoring = False
            self.autosave.touch()
        if unlike:
            self.page.note([f"{Path(path).name} holds something else by now: {', '.join(unlike)}"])
        self._next_missing()


def moved_with(source: str, project: str) -> str:
    """Where a source lies whose project was moved together with it: as deep below the project's folder as it may have
    been before; empty where there is none."""
    parts = Path(source).parts[1:] if project else ()
    tails = (Path(project).parent.joinpath(*parts[-many:]) for many in range(1, min(len(parts), MOST_DEEP) + 1))
    return next((str(one) for one in tails if one.exists()), "")


def _same_size(one: object, other: object) -> bool:
    """Whether crops and selections of one fit the other."""
    if isinstance(one, PointsDoc) and isinstance(other, PointsDoc):
        return one.count == other.count
    if isinstance(one, MeshDoc) and isinstance(other, MeshDoc):
        return one.face_count == other.face_count
    return True
