"""Which backbones the worker tells of, and how it examines a folder that is to be added."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from workbench.core.documents import BackboneInfo
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.engine.backbone_folders import downloaded, locate
from workbench.store.home import Home
from workbench.store.models import Origin, add_model, note_origin
from workbench.store.remembered import remember
from workbench.worker.inspectors import inspect
from workbench.worker.interactive import ApplyContext


@pytest.fixture
def context(home: Home, monkeypatch: pytest.MonkeyPatch) -> ApplyContext:
    monkeypatch.setenv("WORKBENCH_HOME", str(home.root))  # as worker.child does
    return ApplyContext(device="cpu", home=home, settings=Settings(), cache={})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mein Mödel"
    made.mkdir()
    save_file({"weight": np.ones((4, 4), np.float32)}, made / "model.safetensors")
    (made / "config.json").write_text('{"model_type": "bert"}')
    (made / "vocab.txt").write_text("a\n")
    return made


def backbones(context: ApplyContext) -> dict[str, BackboneInfo]:
    return {one.address: one for one in inspect("backbones", {}, context)}


def examined(context: ApplyContext, address: Any) -> BackboneInfo:
    info = inspect("backbone", {"address": str(address)}, context)
    assert isinstance(info, BackboneInfo)
    return info


def test_that_folders_copies_and_downloads_are_told_apart_with_where_they_lie(
    context: ApplyContext, folder: Path
) -> None:
    remember(context.home, folder)
    copy = add_model(context.home, folder, name="own")
    down = add_model(context.home, folder, name="org--small")
    note_origin(down, Origin("hub:org/small", licence="mit"))
    found = backbones(context)
    assert (found[str(folder)].source, found[str(folder)].path) == ("folder", str(folder))
    assert (found[str(copy)].source, found[str(copy)].origin) == ("copy", str(folder))
    assert (found["hub:org/small"].source, found["hub:org/small"].path) == ("download", str(down))
    assert found["starter:mini-turkish"].path.endswith("mini-turkish")


def test_that_an_unfinished_download_is_never_offered(context: ApplyContext, folder: Path) -> None:
    copy = add_model(context.home, folder, name="own")
    copy.rename(context.home.models / ".org--small.partial")
    assert {one.partition(":")[0] for one in backbones(context)} == {"package", "starter"}
    assert downloaded("org/small") is None


def test_that_a_downloaded_model_is_found_by_its_address_on_the_hub(context: ApplyContext, folder: Path) -> None:
    down = add_model(context.home, folder, name="org--small")
    assert locate("hub:org/small") == down
    assert examined(context, "hub:org/small").parameters == 16
    with pytest.raises(InputError):
        locate("hub:../../etc")


def test_that_a_remembered_folder_that_is_gone_is_told_with_its_trouble(context: ApplyContext, folder: Path) -> None:
    remember(context.home, folder / "gone")
    assert backbones(context)[str(folder / "gone")].problem == "There is no such backbone."


def test_that_a_sound_folder_passes(context: ApplyContext, folder: Path) -> None:
    info = examined(context, folder)
    assert (info.title, info.architecture, info.parameters, info.problem) == ("mein Mödel", "bert", 16, "")


@pytest.mark.parametrize("name", ["config.json", "vocab.txt", "model.safetensors"])
def test_that_what_is_missing_is_named(context: ApplyContext, folder: Path, name: str) -> None:
    (folder / name).unlink()
    said = {"config.json": "no config.json", "vocab.txt": "no tokenizer", "model.safetensors": "no weights"}
    with pytest.raises(InputError, match=said[name]):
        examined(context, folder)


@pytest.mark.parametrize("address", ["", "\0", "x" * 5000, "/proc/1/cwd/nothing", "package:no-such-thing", "starter:x"])
def test_that_an_address_of_nothing_is_one_clear_problem(context: ApplyContext, address: str) -> None:
    with pytest.raises(InputError) as caught:
        examined(context, address)
    assert caught.value.fix


def test_that_a_checkpoint_that_is_only_a_pickle_is_refused(context: ApplyContext, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cposix\nsystem\n(S'true'\ntR.")
    with pytest.raises(InputError, match="needs pickle"):
        examined(context, folder)


def test_that_weights_cut_short_and_a_file_in_place_of_a_folder_are_refused(
    context: ApplyContext, folder: Path
) -> None:
    weights = folder / "model.safetensors"
    with pytest.raises(InputError, match="no such backbone"):
        examined(context, weights)
    weights.write_bytes(weights.read_bytes()[:-3])
    with pytest.raises(InputError, match="damaged"):
        examined(context, folder)
