"""A window that is killed loses at most five seconds of edits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from workbench.core.documents import Item
from workbench.gui.labelledits import Draft, draft_path, kept
from workbench.store.home import Home

SOURCE = "/data/films.csv"
EDITOR = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from workbench.core.documents import Item
from workbench.core.settings import Settings
from workbench.gui.labelling import Labelling
from workbench.gui.link import Link
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import open_home

app = QApplication([])
home = open_home(Path(sys.argv[1]))
box = Labelling(Link(home, lambda: ScriptedRunner(home), Settings()))
box.show_items([Item(f"text {at}", "good", source=at) for at in range(400)], sys.argv[2])
box.show()

def edit():
    print(box.current(), flush=True)  # before it is made: what is told last may be lost, nothing else
    box.give("bad")

timer = QTimer()
timer.timeout.connect(edit)
timer.start(50)
app.exec()
"""
MOST_LOST_S = 5.0


def test_that_a_killed_window_loses_at_most_five_seconds_of_edits(home: Home) -> None:
    window = subprocess.Popen(
        [sys.executable, "-c", EDITOR, str(home.root), SOURCE],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert window.stdout is not None
    made: list[tuple[int, float]] = []
    path = draft_path(home.edits, SOURCE, "labels")
    while not path.exists() or len(made) < 60:
        made.append((int(window.stdout.readline()), time.monotonic()))
    window.send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    made += [(int(line), killed_at) for line in window.stdout.read().splitlines() if line.strip()]
    window.wait()
    there = {one.at for one in kept(path)}
    lost = [at_s for at, at_s in made if at not in there]
    assert there, "something was on disk"
    assert all(killed_at - at_s <= MOST_LOST_S for at_s in lost)
    draft = Draft.of_items([Item(f"text {at}", "good", source=at) for at in range(400)], SOURCE)
    assert len(draft.fitting(kept(path))) == len(there)  # whole, and each on its own text
