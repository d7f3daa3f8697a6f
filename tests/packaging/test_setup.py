"""The two commands' set-up: locked, explained, and quiet when nothing is missing."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
LOCK = (PACKAGING / "constraints.txt").read_text(encoding="utf-8")
PINS = dict(line.split("==") for line in LOCK.splitlines() if "==" in line)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    spec = importlib.util.spec_from_file_location("licences", PACKAGING / "licences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bash(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail; source '{PACKAGING}/setup.sh'; {script}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_that_the_lock_names_versions_and_no_places() -> None:
    lines = [line for line in LOCK.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)
    assert (PINS["torch"], PINS["PySide6_Essentials"]) == ("2.13.0", "6.11.3")


def test_that_everything_the_product_needs_is_locked_to_what_is_installed(licences: ModuleType) -> None:
    pinned = {normal(name): version for name, version in PINS.items()}
    needed = set(licences.required(licences.PRODUCT, set())) - {licences.PRODUCT, "setuptools"}
    assert needed <= pinned.keys()
    assert {name: metadata.version(name).split("+")[0] for name in needed} == {name: pinned[name] for name in needed}


def test_that_nothing_required_binds_by_copyleft_and_the_page_says_what_there_is(licences: ModuleType) -> None:
    text, bad = licences.page()
    assert bad == []
    assert (ROOT / "resources" / "licences.md").read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("licence", "binds"),
    [
        ("GPL-3.0", True), ("GNU General Public License v3", True), ("AGPL-3.0-only", True), ("LGPL-3.0", False),
        ("MIT", False), ("MIT OR GPL-2.0", False), ("Mozilla Public License 2.0", False),
    ],
)  # fmt: skip
def test_that_a_binding_copyleft_is_told_from_a_weak_one(licences: ModuleType, licence: str, binds: bool) -> None:
    assert licences.binding("some-package", licence) == binds


@pytest.mark.parametrize("script", ["run", "test", "setup.sh"])
def test_that_the_scripts_are_sound_shell(script: str) -> None:
    assert subprocess.run(["bash", "-n", str(PACKAGING / script)], check=False).returncode == 0


def test_that_missing_libraries_without_root_or_sudo_are_explained() -> None:
    done = bash(
        "uname() { echo Linux; }; missing_packages() { echo libegl1 xvfb; }; id() { echo 1000; }; "
        "command() { [ \"$2\" = apt-get ]; }; install_system_packages"
    )  # fmt: skip
    assert done.returncode == 1
    assert "Missing system packages: libegl1 xvfb" in done.stderr
    assert "the window toolkit draws with them" in done.stderr
    assert "Fix: Ask an administrator for: apt-get install libegl1 xvfb" in done.stderr


def test_that_a_system_without_apt_is_told_what_to_install() -> None:
    done = bash(
        "uname() { echo Linux; }; missing_packages() { echo libegl1; }; command() { false; }; install_system_packages"
    )
    assert done.returncode == 1
    assert "no apt-get" in done.stderr
    assert "libegl1" in done.stderr


def test_that_a_missing_library_is_found_by_its_file() -> None:
    done = bash(f"VENV='{Path(sys.prefix)}'; LIBRARIES='libnothing.so.9:libnothing9'; DISPLAY=:0 missing_packages")
    assert done.stdout.split() == ["libnothing9"]


def test_that_a_set_up_that_is_up_to_date_says_and_does_nothing(tmp_path: Path) -> None:
    done = bash(
        f"VENV='{tmp_path}'; STAMP='{tmp_path}/stamp'; install_system_packages() {{ :; }}; "
        "pip_install() { echo ran; }; install_torch() { echo ran; }; fingerprint > \"$STAMP\"; set_up"
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_that_only_the_checks_ask_for_the_programs_that_they_alone_use() -> None:
    script = (
        f"VENV='{Path(sys.prefix)}'; LIBRARIES=''; CHECKERS='no-such-checker:checker-package'; DISPLAY=:0; "
        "missing_packages"
    )
    assert "checker-package" not in bash(script).stdout
    assert "checker-package" in bash(f"{script} dev").stdout
