"""Downloads in the window, from a hub on this machine: agreed to, held, continued, given up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from tests.hubserver import WEIGHTS, Hub
from workbench.core.settings import Settings
from workbench.gui.downloads import Downloads
from workbench.gui.pages.models import ModelsPage
from workbench.gui.window import MainWindow
from workbench.store.home import Home
from workbench.store.hub import arrived_bytes, folder_of

WAIT_MS = 30_000


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub().serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield hub


@pytest.fixture
def window(open_window: Callable[..., MainWindow]) -> MainWindow:
    return open_window()


@pytest.fixture
def page(window: MainWindow, qtbot: QtBot) -> ModelsPage:
    window.link.settings = window.link.settings.replace(offline=False)
    made = window.open_page("models")
    assert isinstance(made, ModelsPage)
    return made


def begin(qtbot: QtBot, page: ModelsPage) -> None:
    """Look the model up, accept its licence, start."""
    dialog = page.open_downloads()
    dialog.name.setText("hub:org/small")
    dialog.look.click()
    assert not dialog.begin.isEnabled()
    qtbot.waitUntil(lambda: dialog.offer is not None, timeout=WAIT_MS)
    assert "apache-2.0" in dialog.accept_.text()
    assert not dialog.begin.isEnabled()
    dialog.accept_.setChecked(True)
    dialog.begin.click()


def under_way(page: ModelsPage) -> bool:
    running = page.downloads.running
    return running is not None and 200_000 < running.bytes < len(WEIGHTS)


def test_that_a_model_arrives_after_its_licence_was_accepted(
    qtbot: QtBot, page: ModelsPage, hub: Hub, home: Home
) -> None:
    with qtbot.waitSignal(page.downloads.arrived, timeout=WAIT_MS) as arrived:
        begin(qtbot, page)
    assert arrived.args == ["hub:org/small"]
    assert (folder_of(home, "org/small") / "model.safetensors").read_bytes() == WEIGHTS
    assert page.downloads.items == []
    assert json.loads(home.downloads.read_text()) == []


def test_that_a_paused_download_goes_on_where_it_was(qtbot: QtBot, page: ModelsPage, hub: Hub, home: Home) -> None:
    hub.pause_s = 0.1
    begin(qtbot, page)
    qtbot.waitUntil(lambda: under_way(page), timeout=WAIT_MS)
    page.downloads.pause("org/small")
    assert page.downloads.items[0].state == "paused"
    assert arrived_bytes(home, "org/small") > 200_000
    assert not folder_of(home, "org/small").exists()
    hub.pause_s = 0.0
    hub.asked.clear()
    with qtbot.waitSignal(page.downloads.arrived, timeout=WAIT_MS):
        page.downloads.resume("org/small")
    assert hub.weights_asked()[0].startswith("bytes=")
    assert (folder_of(home, "org/small") / "model.safetensors").read_bytes() == WEIGHTS


def test_that_a_download_survives_the_window_and_is_continued_by_the_next(
    qtbot: QtBot, page: ModelsPage, window: MainWindow, hub: Hub, home: Home
) -> None:
    hub.pause_s = 0.1
    begin(qtbot, page)
    qtbot.waitUntil(lambda: under_way(page), timeout=WAIT_MS)
    page.closed()
    hub.pause_s = 0.0
    later = Downloads(window.link)
    assert [(one.model, one.state) for one in later.items] == [("org/small", "waiting")]
    with qtbot.waitSignal(later.arrived, timeout=WAIT_MS):
        later.start()
    assert (folder_of(home, "org/small") / "model.safetensors").read_bytes() == WEIGHTS


def test_that_a_download_that_was_given_up_leaves_nothing(qtbot: QtBot, page: ModelsPage, hub: Hub, home: Home) -> None:
    hub.pause_s = 0.1
    begin(qtbot, page)
    qtbot.waitUntil(lambda: under_way(page), timeout=WAIT_MS)
    page.downloads.cancel("org/small")
    assert page.downloads.items == []
    qtbot.waitUntil(lambda: list(home.models.iterdir()) == [])


def test_that_a_wrong_digest_is_said_and_nothing_is_used(qtbot: QtBot, page: ModelsPage, hub: Hub, home: Home) -> None:
    hub.announced = "0" * 64
    with qtbot.waitSignal(page.downloads.failed, timeout=WAIT_MS):
        begin(qtbot, page)
    assert page.downloads.items[0].state == "failed"
    assert page.banner.record is not None
    assert "not what was announced" in page.banner.record.what
    assert not folder_of(home, "org/small").exists()


def test_that_a_model_that_is_not_there_is_said_in_the_dialog(qtbot: QtBot, page: ModelsPage, hub: Hub) -> None:
    hub.status = 404
    dialog = page.open_downloads()
    dialog.name.setText("org/small")
    dialog.look.click()
    qtbot.waitUntil(dialog.banner.isVisible, timeout=WAIT_MS)
    assert dialog.banner.record is not None
    assert "no public model" in dialog.banner.record.what
    assert not dialog.begin.isEnabled()
    dialog.close()


def test_that_offline_switches_the_button_off_and_says_why(window: MainWindow) -> None:
    page = window.open_page("models")
    assert isinstance(page, ModelsPage)
    assert not page.download_button.isEnabled()
    assert "offline" in page.download_button.text()
    assert "switched off" in page.download_button.toolTip()
    window.link.settings = window.link.settings.replace(offline=False)
    window.link.settings_changed.emit(window.link.settings)
    assert page.download_button.isEnabled()


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"model": 3}]'])
def test_that_a_garbled_list_of_downloads_counts_as_empty(window: MainWindow, home: Home, text: str) -> None:
    home.downloads.write_text(text)
    assert Downloads(window.link).items == []
    assert Settings().offline
