"""What this machine offers and lacks, each lack with its fix; the command line and the window show the same."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import msgspec
import psutil

from workbench.core.problem import Problem
from workbench.runner.prepare import versions
from workbench.store.home import Home, open_home

ENOUGH_DISK_BYTES, ENOUGH_MEMORY_BYTES = 5 << 30, 4 << 30
WORKER_WITHIN_S = 90.0
"""The longest a worker may take to start and answer on a machine under load."""
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1", "libGL.so.1": "libgl1", "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0", "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1", "libxcb-shape.so.0": "libxcb-shape0",
    "libdbus-1.so.3": "libdbus-1-3", "libfontconfig.so.1": "libfontconfig1",
}  # fmt: skip
"""What Qt loads on Linux, and the Debian package that brings it; packaging/run installs the same."""
OPEN3D_LIBRARIES = {"libusb-1.0.so.0": "libusb-1.0-0", "libgomp.so.1": "libgomp1"}
"""The same for Open3D, whose package does not bring them."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at; 'missing' things cost a feature, 'broken' ones the program."""

    name: str
    state: Literal["ok", "missing", "broken"]
    detail: str
    fix: str = ""


def examine(root: Path | None, *, worker: Callable[[Home], Finding] | None = None) -> Iterator[Finding]:
    """Every finding, the quick ones first; `worker` looks at the worker, where that is wanted."""
    looks: list[Callable[[], Finding]] = [
        _python, _packages, _recipes, _display, _qt_libraries, _opengl, _audio, _slides, _open3d, _gpu, _memory,
    ]  # fmt: skip
    for look in looks:
        yield look()
    try:
        home = open_home(root)
    except Problem as problem:
        yield Finding("data folder", "broken", problem.received, problem.fix)
        return
    yield _disk(home)
    if worker is not None:
        yield worker(home)


def _python() -> Finding:
    detail = f"{platform.python_version()} on {platform.platform()}"
    return Finding("python", "ok", detail)


def _packages() -> Finding:
    found = versions()
    lacking = [name for name in ("torch", "transformers", "numpy") if name not in found] + _missing_qt()
    if lacking:
        return Finding("packages", "broken", "not installed: " + ", ".join(lacking), "packaging/run --prepare")
    listed = ", ".join(f"{name} {found[name]}" for name in ("transfer-workbench", "torch", "transformers"))
    return Finding("packages", "ok", f"{listed}, Qt {metadata.version('PySide6_Essentials')}")


def _missing_qt() -> list[str]:
    try:
        metadata.version("PySide6_Essentials")
    except metadata.PackageNotFoundError:
        return ["PySide6_Essentials"]
    return []


def _recipes() -> Finding:
    from workbench.recipes import faults, recipes

    names = ", ".join(recipes()) or "none"
    if broken := faults():
        return Finding("recipes", "missing", f"{names}; " + " ".join(one.text() for one in broken), broken[0].fix)
    return Finding("recipes", "ok", names)


def _display() -> Finding:
    if sys.platform in ("win32", "darwin"):
        return Finding("display", "ok", platform.system())
    shown = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if shown:
        return Finding("display", "ok", shown)
    fix = "Log in at a desktop or use 'ssh -X'; packaging/run works without one, the command line too."
    return Finding("display", "missing", "neither DISPLAY nor WAYLAND_DISPLAY is set", fix)


def _qt_libraries() -> Finding:
    if not sys.platform.startswith("linux"):
        return Finding("window libraries", "ok", "come with Qt")
    lacking = [package for library, package in QT_LIBRARIES.items() if not _loads(library)]
    if lacking:
        fix = f"sudo apt install {' '.join(lacking)} (or the like of your system)"
        return Finding("window libraries", "missing", "lacking: " + ", ".join(lacking), fix)
    return Finding("window libraries", "ok", f"{len(QT_LIBRARIES)} found")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _opengl() -> Finding:
    names = {"win32": "opengl32", "darwin": "OpenGL"}
    found = ctypes.util.find_library(names.get(sys.platform, "GL"))
    if not found:
        return Finding("OpenGL", "missing", "no OpenGL library", "sudo apt install libgl1 libegl1; 3-D views need it.")
    direct = sys.platform in names or any(Path("/dev/dri").glob("render*"))
    return Finding("OpenGL", "ok", f"{found}, {'graphics card' if direct else 'drawn by the processor'}")


def _audio() -> Finding:
    if not sys.platform.startswith("linux"):
        return Finding("audio", "ok", "the system's")
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"))
    server = next((name for name in ("pipewire-0", "pulse/native") if (runtime / name).exists()), "")
    cards = list(Path("/dev/snd").glob("pcm*p"))
    if not ctypes.util.find_library("portaudio"):
        fix = "sudo apt install libportaudio2; all but playback and recording works without."
        return Finding("audio", "missing", "no PortAudio library", fix)
    if server or cards:
        return Finding("audio", "ok", server or f"{len(cards)} outputs without a sound server")
    return Finding("audio", "missing", "no sound server, no sound card", "Nothing is heard; all else works.")


def _slides() -> Finding:
    lacking = [name for name in ("imagecodecs", "openslide") if importlib.util.find_spec(name) is None]
    if lacking:
        what = "JPEG inside TIFF" if "imagecodecs" in lacking else "MIRAX, Leica, Philips, DICOM"
        detail = f"lacking: {', '.join(lacking)}; some whole slides cannot be read ({what})"
        return Finding("slides", "missing", detail, "pip install 'transfer-workbench[slides]'")
    return Finding("slides", "ok", "readers for whole-slide images are installed")


def _open3d() -> Finding:
    lacking = [package for library, package in OPEN3D_LIBRARIES.items() if not _loads(library)]
    if lacking and sys.platform.startswith("linux"):
        fix = f"sudo apt install {' '.join(lacking)}; the 3D tab opens and draws without, but processes nothing."
        return Finding("3D processing", "missing", "Open3D cannot load " + ", ".join(lacking), fix)
    return Finding("3D processing", "ok", "what Open3D loads is installed")


def _gpu() -> Finding:
    if sys.platform == "darwin":
        apple = platform.machine() == "arm64"
        return Finding("GPU", "ok" if apple else "missing", "Metal (mps)" if apple else "none that torch can use")
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
        build = versions().get("torch", "")
        if told and "+cpu" in build:
            return Finding("GPU", "missing", f"{told}; torch {build}", "Install a torch built for CUDA to use it.")
        if told:
            return Finding("GPU", "ok", told.replace("\n", "; "))
    return Finding("GPU", "missing", "none; models run on the processor", "Desk presets are made for that.")


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    detail = f"{_amount(memory.available)} of {_amount(memory.total)} free, {os.cpu_count()} processors"
    if memory.available < ENOUGH_MEMORY_BYTES:
        return Finding("memory", "missing", detail, "Close other programs, or choose a smaller batch.")
    return Finding("memory", "ok", detail)


def _disk(home: Home) -> Finding:
    free = shutil.disk_usage(home.root).free
    detail = f"{_amount(free)} free at {home.root}"
    if free < ENOUGH_DISK_BYTES:
        return Finding("disk", "missing", detail, "Free some space, or set WORKBENCH_HOME to a roomier disk.")
    return Finding("disk", "ok", detail)


def look_at_worker(attach: Callable[[], Future[Any]], *, within_s: float = WORKER_WITHIN_S) -> Finding:
    """Whether a worker answers; `attach` finds or starts one. Waits for it: not for a thread that draws."""
    began = time.monotonic()
    try:
        state = attach().result(within_s)
    except TimeoutError:
        stop = "'workbench worker stop --now' ends it; the next request starts a new one."
        return Finding("worker", "broken", f"no answer within {within_s:g} s", stop)
    except Problem as problem:
        return Finding("worker", "broken", problem.received or problem.what, problem.fix)
    return Finding("worker", "ok", f"process {state.pid} answers after {time.monotonic() - began:.1f} s")


def _amount(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
