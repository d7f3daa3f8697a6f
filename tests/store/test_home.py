"""Where things live."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.core.problem import KnownTrouble
from workbench.store.home import default_root, open_home


def test_that_the_home_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "elsewhere"))
    assert default_root() == tmp_path / "elsewhere"


def test_that_a_home_with_spaces_and_accents_is_made(tmp_path: Path) -> None:
    home = open_home(tmp_path / "Ölçüm verileri 研究")
    assert home.runs.is_dir()
    assert len(str(home.socket_folder())) < 80


def test_that_two_homes_never_share_a_socket_folder(tmp_path: Path) -> None:
    assert open_home(tmp_path / "a").socket_folder() != open_home(tmp_path / "b").socket_folder()


def test_that_a_home_that_cannot_be_made_is_known_trouble_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KnownTrouble) as caught:
        open_home(tmp_path / "file" / "home")
    assert "WORKBENCH_HOME" in caught.value.fix
