"""The three guards of who may import whom: contracts, banned imports, and a look at a real process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = (
    "torch",
    "transformers",
    "monai",
    "diffusers",
    "open3d",
    "accelerate",
    "peft",
    "tokenizers",
    "sklearn",
    "optuna",
)

LOOK = f"""
import sys
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print("heavy:", ",".join(heavy))
"""

WINDOW = """
from pathlib import Path
from PySide6.QtWidgets import QApplication
from workbench.app import application, make_window
from workbench.recipes import recipes
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import open_home

home = open_home()
app = application()
window = make_window(home, demo=False, make_runner=lambda: ScriptedRunner(home))
window.show()
for page in ("home", "cases", "runs", "models", "settings", *(f"recipe:{name}" for name in recipes())):
    window.open_page(page)
    QApplication.processEvents()
assert recipes()
window.close()
"""

COMMANDS = """
from workbench.__main__ import main
for words in (["recipes"], ["runs", "list"], ["worker", "status"], ["doctor", "--no-worker"], ["run", "nothing"]):
    main(words)
import workbench.cli.models, workbench.runner.local, workbench.runner.claims, workbench.runner.drive
from workbench.recipes import recipes
assert recipes()
assert "PySide6" not in __import__("sys").modules
"""


def tool(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / words[0]), *words[1:]],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def test_that_the_import_contracts_are_kept() -> None:
    done = tool("lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout


def test_that_ruff_refuses_a_heavy_module_level_import_in_a_declaration() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ruff"), "check", "--select", "TID253", "--stdin-filename",
         "workbench/recipes/text/some_paper/recipe.py", "-"],
        cwd=ROOT, input="import torch\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "TID253" in done.stdout


def test_that_no_declaration_imports_anything_heavy() -> None:
    declared = [str(path) for path in (ROOT / "workbench" / "recipes").rglob("recipe.py")]
    assert declared
    done = tool("ruff", "check", "--select", "TID253", "--no-cache", *declared)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", [WINDOW, COMMANDS], ids=["window", "command line"])
def test_that_neither_window_nor_command_line_ever_loads_a_heavy_library(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script + LOOK], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy: "
