"""Downloads that wait, run one after the other in a process of their own, and go on after the next start.

The process is the command line's own `models download --progress`: the hub's library and its
threads never enter the window, and ending a download is ending a process.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

import workbench
from workbench.core.problem import ProblemRecord
from workbench.core.words import duration, size
from workbench.gui.link import Link
from workbench.store.hub import drop_partial

State = Literal["waiting", "running", "paused", "failed"]
GONE_WITHIN_MS = 3000
OFFLINE = ProblemRecord(
    "The network is switched off.", expected="the setting 'offline' off", received="offline",
    fix="Switch it off in Settings to download models; folders can be added without a network.",
)  # fmt: skip


class Offered(msgspec.Struct):
    """What the command's offer says."""

    model: str
    commit: str
    licence: str
    bytes: int
    arrived: int = 0
    files: list[dict[str, Any]] = []


class Item(msgspec.Struct, omit_defaults=True):
    """One download and how far it is."""

    model: str
    commit: str
    licence: str
    of: int
    state: State = "waiting"
    bytes: int = 0
    bytes_per_s: float = 0.0
    seconds_left: float = -1.0
    file: str = ""
    problem: ProblemRecord | None = None

    def told(self) -> str:
        """How far it is, in words."""
        far = f"{size(self.bytes)} of {size(self.of)}"
        if self.state == "failed" and self.problem is not None:
            return f"{far} · {self.problem.what} {self.problem.received}".strip()
        if self.state != "running":
            return f"{far} · {self.state}"
        rate = f" · {size(self.bytes_per_s)}/s" if self.bytes_per_s else ""
        left = f" · {duration(self.seconds_left)} left" if self.seconds_left >= 0 else ""
        return f"{far}{rate}{left}" + (f" · {self.file}" if self.file else "")


class Command(QObject):
    """A `models download` process: a JSON line at a time, then its end with the problem, if there was one."""

    line = Signal(object)
    ended = Signal(object)

    def __init__(self, parent: QObject, link: Link, words: list[str]) -> None:
        super().__init__(parent)
        self.problem: ProblemRecord | None = None
        self._process = QProcess(self)
        self._process.setProcessEnvironment(_environment())
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._stuck)
        offline = str(link.settings.offline).lower()
        common = ["--progress", "--home", str(link.home.root), "--set", f"offline={offline}"]
        self._process.start(sys.executable, ["-m", "workbench", "models", "download", *words, *common])

    def stop(self) -> None:
        """End it without a word; what has arrived stays."""
        with contextlib.suppress(RuntimeError):
            self._process.blockSignals(True)
            self._process.kill()
            self._process.waitForFinished(GONE_WITHIN_MS)
        self.deleteLater()

    def _read(self) -> None:
        while self._process.canReadLine():
            with contextlib.suppress(msgspec.DecodeError):
                document = msgspec.json.decode(bytes(self._process.readLine().data()), type=dict[str, Any])
                if document.pop("type", "") == "problem":
                    self.problem = msgspec.convert(document, ProblemRecord)
                else:
                    self.line.emit(document)

    def _finished(self, status: int, _how: QProcess.ExitStatus) -> None:
        self._read()
        if status and self.problem is None:
            said = bytes(self._process.readAllStandardError().data()).decode(errors="replace").strip().splitlines()
            received = f"exit status {status}" + (f": {said[-1]}" if said else "")
            self.problem = ProblemRecord(
                "The download ended unexpectedly.", expected="a complete model", received=received,
                fix="Resume it: what has arrived is kept.",
            )  # fmt: skip
        self.ended.emit(self.problem)
        self.deleteLater()

    def _stuck(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.ended.emit(ProblemRecord("The download could not be started.", received=self._process.errorString()))
            self.deleteLater()


def _environment() -> QProcessEnvironment:
    """Ours, and this program's own place on the import path, wherever the window was started from."""
    environment = QProcessEnvironment.systemEnvironment()
    own = str(Path(workbench.__file__).resolve().parents[1])
    before = environment.value("PYTHONPATH")
    environment.insert("PYTHONPATH", f"{own}{':' if sys.platform != 'win32' else ';'}{before}" if before else own)
    return environment


class Downloads(QObject):
    """The queue: kept in the home, one at a time, none while the network is switched off."""

    changed = Signal()
    arrived = Signal(str)
    failed = Signal(object)

    def __init__(self, link: Link, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.link = link
        self.items: list[Item] = self._remembered()
        self._command: Command | None = None
        self._asked: Command | None = None
        link.settings_changed.connect(lambda _: self._heed_settings())

    @property
    def running(self) -> Item | None:
        """The download under way."""
        return next((one for one in self.items if one.state == "running"), None)

    def look_up(self, name: str, then: Callable[[Offered], None], failed: Callable[[ProblemRecord], None]) -> None:
        """Ask the hub what a model brings; an earlier question is dropped."""
        self.drop_question()
        if self.link.settings.offline:
            failed(OFFLINE)
            return
        found: list[Offered] = []
        command = Command(self, self.link, [name, "--dry-run"])
        command.line.connect(lambda line: found.append(msgspec.convert(line, Offered)))
        command.ended.connect(lambda problem: self._answered(problem, found, then, failed))
        self._asked = command

    def drop_question(self) -> None:
        """Nobody waits for the hub's answer any more."""
        if self._asked is not None:
            self._asked.stop()
            self._asked = None

    def _answered(
        self, problem: ProblemRecord | None, found: list[Offered],
        then: Callable[[Offered], None], failed: Callable[[ProblemRecord], None],
    ) -> None:  # fmt: skip
        self._asked = None
        if problem is None and found:
            then(found[0])
        else:
            failed(problem or ProblemRecord("The hub's answer was empty."))

    def add(self, offer: Offered) -> None:
        """Queue a model whose licence was accepted."""
        if any(one.model == offer.model for one in self.items):
            self.resume(offer.model)
            return
        self.items.append(Item(offer.model, offer.commit, offer.licence, offer.bytes, bytes=offer.arrived))
        self._go_on()

    def pause(self, model: str) -> None:
        """Hold a download; what has arrived stays."""
        self._leave(self._item(model), "paused")
        self._go_on()

    def resume(self, model: str) -> None:
        """Queue a paused or failed download again."""
        item = self._item(model)
        if item.state in ("paused", "failed"):
            item.state, item.problem = "waiting", None
        self._go_on()

    def cancel(self, model: str) -> None:
        """Give a download up and free its room."""
        item = self._item(model)
        self._leave(item, "paused")
        self.items.remove(item)
        self.link.background(lambda: drop_partial(self.link.home, model), owner=self)
        self._go_on()

    def start(self) -> None:
        """Go on with what waits from before."""
        self._go_on()

    def close(self) -> None:
        """End the process; it is continued after the next start."""
        self.drop_question()
        for one in self.items:
            if one.state == "running":
                self._leave(one, "waiting")
        self._save()

    def _item(self, model: str) -> Item:
        return next(one for one in self.items if one.model == model)

    def _leave(self, item: Item, state: State) -> None:
        if item.state == "running" and self._command is not None:
            self._command.stop()
            self._command = None
        item.state, item.bytes_per_s, item.seconds_left = state, 0.0, -1.0

    def _heed_settings(self) -> None:
        if self.link.settings.offline and self.running is not None:
            self._leave(self.running, "waiting")
        self._go_on()

    def _go_on(self) -> None:
        waiting = next((one for one in self.items if one.state == "waiting"), None)
        if self.running is None and waiting is not None and not self.link.settings.offline:
            self._begin(waiting)
        self._save()
        self.changed.emit()

    def _begin(self, item: Item) -> None:
        item.state = "running"
        command = Command(self, self.link, [item.model, "--yes", "--commit", item.commit])
        command.line.connect(lambda line: self._told(item, line))
        command.ended.connect(lambda problem: self._ended(item, problem))
        self._command = command

    def _told(self, item: Item, line: dict[str, Any]) -> None:
        if "of" in line:
            item.bytes, item.of, item.file = int(line["bytes"]), int(line["of"]), str(line["file"])
            item.bytes_per_s, item.seconds_left = float(line["bytes_per_s"]), float(line["seconds_left"])
            self.changed.emit()

    def _ended(self, item: Item, problem: ProblemRecord | None) -> None:
        self._command = None
        if problem is None:
            self.items.remove(item)
        else:
            item.state, item.problem = "failed", problem
        self._go_on()
        if problem is None:
            self.arrived.emit(f"hub:{item.model}")
        else:
            self.failed.emit(problem)

    def _remembered(self) -> list[Item]:
        try:
            items = msgspec.json.decode(self.link.home.downloads.read_bytes(), type=list[Item])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return []
        for one in items:
            one.state = "waiting" if one.state == "running" else one.state
        return items

    def _save(self) -> None:
        path = self.link.home.downloads
        scratch = path.with_suffix(".tmp")
        with contextlib.suppress(OSError):  # a full disk costs the list, not the files
            scratch.write_bytes(msgspec.json.format(msgspec.json.encode(self.items)))
            scratch.replace(path)
