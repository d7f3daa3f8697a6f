"""Settings: file, environment, and what happens to a garbled file."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.core.params import knobs
from workbench.core.problem import Problems
from workbench.core.settings import Settings, change, load, save


def test_that_settings_come_back_as_saved(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.json"
    save(path, Settings(theme="dark", scale=150))
    loaded = load(path, {})
    assert (loaded.settings, loaded.trouble) == (Settings(theme="dark", scale=150), "")


def test_that_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path / "none.json", {}).settings == Settings()


def test_that_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    save(tmp_path / "s.json", Settings(device="cpu", theme="dark"))
    loaded = load(tmp_path / "s.json", {"WORKBENCH_DEVICE": "cuda", "WORKBENCH_HOME": "/x", "OTHER": "1"})
    assert (loaded.settings.device, loaded.settings.theme) == ("cuda", "dark")


def test_that_a_wrong_value_in_the_environment_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(Problems) as caught:
        load(tmp_path / "none.json", {"WORKBENCH_SCALE": "huge", "WORKBENCH_THEME": "pink"})
    assert {one.field for one in caught.value.problems} == {"scale", "theme"}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe\x00", b'{"theme": "dark"'])
def test_that_a_garbled_file_is_set_aside_never_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    loaded = load(path, {})
    assert loaded.settings == Settings()
    (aside,) = tmp_path.glob("settings.garbled-*.json")
    assert aside.read_bytes() == content
    assert aside.name in loaded.trouble


def test_that_one_wrong_value_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"theme": "dark", "scale": 9000, "from_the_future": 1}')
    loaded = load(path, {})
    assert loaded.settings == Settings(theme="dark")
    assert "scale" in loaded.trouble
    assert len(list(tmp_path.glob("settings.garbled-*.json"))) == 1
    assert load(path, {}) == type(loaded)(Settings(theme="dark"), "")


def test_that_a_change_leaves_the_rest_of_the_file_and_keeps_the_environment_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    save(path, Settings(scale=150))
    monkeypatch.setenv("WORKBENCH_DEVICE", "cuda")
    change(path, {"theme": "dark", "keys": "recipe.run=F5"})
    assert load(path, {}).settings == Settings(scale=150, theme="dark", keys="recipe.run=F5")


def test_that_a_wrong_change_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    with pytest.raises(Problems):
        change(path, {"scale": 9})
    assert not path.exists()


def test_that_every_setting_stands_in_a_section() -> None:
    assert all(one.section for one in knobs(Settings))
