"""`workbench` itself: the words decide, and a picture needs neither a display nor a person."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workbench import __version__
from workbench.__main__ import main


def workbench(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        [sys.executable, "-m", "workbench", *words],
        env=kept | environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_that_a_snapshot_needs_no_display(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "shot.png"
    done = workbench("snapshot", "text", "--out", str(out), "--size", "800x600")
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")
    assert done.stdout.strip() == str(out)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["snapshot"], "TAB"),
        (["snapshot", "txet", "--out", "x.png"], "There is no such tab"),
        (["snapshot", "text", "--out", "x.png", "--size", "huge"], "--size"),
        (["snapshot", "text", "--run", "none", "--out", "x.png"], "No single run"),
        (["--set", "theme=pink"], "--set theme"),
        (["--no-dmeo"], "There is no flag"),
    ],
)
def test_that_wrong_words_have_status_2(words: list[str], expected: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert expected in err


def test_that_a_window_without_a_display_is_explained() -> None:
    done = workbench()
    assert done.returncode == 1
    assert "no display" in done.stderr
    assert "Fix:" in done.stderr


def test_that_the_version_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert __version__ in capfd.readouterr().out
