"""A labels view over the phantom, as a run shows it."""

from __future__ import annotations

import pytest

from tests.gui.volumes import phantom
from tests.gui.volumes.hands import SHAPE
from workbench.gui.views import make_view


@pytest.fixture
def view(qtbot, tmp_path):
    shown = make_view("labels")
    qtbot.addWidget(shown)
    shown.resize(900, 700)
    shown.show()
    shown.show_artifact(tmp_path, phantom.artifacts(tmp_path, SHAPE)[1])
    shown.activateWindow()
    qtbot.waitUntil(lambda: shown.viewer.editor.labels is not None and shown.viewer.editor.labels.voxels is not None)
    yield shown
    shown.viewer.editor.finish()


@pytest.fixture
def viewer(view):
    return view.viewer
