"""A window that is killed while labels are painted loses no stroke that was announced as saved."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.gui.volumes import phantom
from workbench.gui.volumes.labelmap import LabelMap, open_labels

SHAPE = (40, 60, 50)
PAINT = """
import sys, time
from pathlib import Path
from PySide6.QtWidgets import QApplication
from tests.gui.volumes import phantom
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.labelmap import LabelMap, open_labels
from workbench.gui.volumes.shapes import dab
from workbench.gui.volumes.viewer import VolumeViewer
app = QApplication([])
path = Path(sys.argv[1])
viewer = VolumeViewer(Away())
labels = LabelMap(open_labels(path), phantom.meta(labels=phantom.LABELS), viewer, path=path)
viewer.show_volumes([], labels)
viewer.editor.autosave.set_delay(0.05)
at = [4]
def told(words):
    if words.startswith("autosaved") and not viewer.editor.autosave.pending:
        print(at[0] - 3, flush=True)
        paint()
viewer.editor.saved.connect(told)
def paint():
    place = (at[0], 15, 12)
    labels.stroke()
    labels.put(*dab(place, place, radius_mm=6, spacing_mm=(2.5, 2, 2), shape=labels.array.shape, flat=0), 3)
    labels.finish("brush stroke")
    at[0] += 3
paint()
app.exec()
"""


def test_that_strokes_said_to_be_saved_are_there_after_a_kill(qapp, tmp_path):
    np.save(tmp_path / "labels.npy", phantom.head(SHAPE)[1])
    root = Path(__file__).resolve().parents[3]
    line = [sys.executable, "-c", PAINT, str(tmp_path / "labels.npy")]
    with subprocess.Popen(line, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        said = [int(process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGKILL)
    assert said == [4, 7, 10]
    labels = LabelMap(open_labels(tmp_path / "labels.npy"), phantom.meta(labels=phantom.LABELS),
                      path=tmp_path / "labels.npy")  # fmt: skip
    assert labels.take_up() >= 3
    assert (labels.array[said, 15, 12] == 3).all()
