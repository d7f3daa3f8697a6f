"""napari as the peer of a bench: its throw-away environment, and the display that it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PEERS = ("napari[pyside6]", "PySide6<6.12")
"""PySide 6.12.0 ends the interpreter of Python 3.11 after some thousand calls."""


def install_peer(folder: Path) -> str:
    """The interpreter of a fresh environment with napari in it; PEER_PYTHON names one that has it already."""
    named = os.environ.get("PEER_PYTHON")
    if named:
        return named
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEERS], check=True, stdout=sys.stderr)
    return str(python)


def under_a_display(module: str, size: str = "1920x1080") -> None:
    """Start a module again under a virtual display where there is none: napari needs OpenGL."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY") and shutil.which("xvfb-run"):
        screen = ["xvfb-run", "-a", "-s", f"-screen 0 {size}x24 +extension GLX"]
        os.execvp(screen[0], [*screen, sys.executable, "-m", module, *sys.argv[1:]])
