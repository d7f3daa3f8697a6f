"""The 3D page without OpenGL, empty and with a few things on it."""

from __future__ import annotations

import pytest

from tests.gui.scenes.pagethings import nodes


@pytest.fixture
def page(qtbot, open_window):
    page = open_window().open_page("scenes")
    page.keeping.autosave.set_delay(3600)
    yield page
    page.closed()


@pytest.fixture
def filled(page, tmp_path):
    page.trees.add(nodes(tmp_path), "read")
    page.scene.choose([])
    return page
