"""The application's settings: one declaration for the page, the environment and --set."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from workbench.core.params import Params, changed, check, knob, knobs
from workbench.core.problem import Problems

APPEARANCE, DEVICES, RUNS, NETWORK, KEYS = "Appearance", "Devices", "Runs", "Privacy and network", "Keys"
REVIEW, VIDEOS = "Review", "Videos"


OF_RUNS = ("precision", "gpus", "preview_share", "checkpoint_every")
"""What a run is trained with: a start that names them writes them into the run's configuration."""
OF_QUESTIONS = ("device", "precision")
"""What a question to the worker takes along."""
OF_WORKER = ("offline", "keep_worker")
"""What the worker has from its own start, or from the file, as long as it runs."""


class Settings(Params):
    """What a person may set once for all recipes; WORKBENCH_<NAME> in the environment wins."""

    theme: Literal["system", "dark", "light"] = knob("system", "Colours of the window", section=APPEARANCE)
    scale: int = knob(100, "Size of text and controls", low=100, high=200, unit="%", section=APPEARANCE)
    device: Literal["auto", "cpu", "cuda", "mps"] = knob("auto", "Where models run", widget="device", section=DEVICES)
    precision: Literal["auto", "fp32", "bf16"] = knob(
        "auto", "Number format of training; auto takes bf16 where the device has it", section=DEVICES
    )
    gpus: int = knob(
        1, "GPUs that one run may train on together; 0 takes all of them", low=0, high=64, label="GPUs", section=DEVICES
    )
    preview_share: float = knob(
        0.10, "Share of a run's time that live pictures may take", low=0.0, high=0.5, unit="of the time", section=RUNS
    )
    checkpoint_every: float = knob(
        20.0, "Time between checkpoints of a run", low=1.0, high=3600, unit="s", section=RUNS
    )
    keep_worker: float = knob(
        120.0, "How long the idle worker stays after the last window closed", low=0, high=86400, unit="s", section=RUNS
    )
    offline: bool = knob(True, "Never reach the network; models come from folders and packages", section=NETWORK)
    reader: str = knob(
        "", "Your name as it stands in the worklist of cases and its log; asked for with the first case", section=REVIEW
    )
    segmenter: str = knob(
        "", "Folder of the model that segments cases; the newest one where it is empty or gone", section=REVIEW,
        label="Segmentation model",
    )  # fmt: skip
    segmenter_before: str = knob(
        "", "Folder of the model that was used before it; the panel beside the case goes back to it", section=REVIEW,
        label="Model used before",
    )  # fmt: skip
    cases_cache: float = knob(
        20.0, "Room for copies of opened cases and for what models said of them; what was not used for longest goes "
        "first", low=1.0, high=10_000, unit="GB", section=REVIEW, label="Cache of cases",
    )  # fmt: skip
    film_copies: float = knob(
        4.0, "Room for small pictures of videos whose key frames lie far apart, made while nothing else is done, so "
        "that each of their frames is seen at once; 0 makes none", low=0.0, high=10_000, unit="GB", section=VIDEOS,
        label="Preview copies",
    )  # fmt: skip
    keys: str = knob(
        "", "Keys of one's own, as 'recipe.run=F5; window.jobs='; an empty one takes the delivered key away",
        widget="key", section=KEYS,
    )  # fmt: skip


class Loaded(msgspec.Struct, frozen=True):
    """Settings with what was wrong about the file they came from, if anything."""

    settings: Any
    trouble: str = ""


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Settings from a file and the environment; a garbled file is set aside, never overwritten.

    A file with some wrong values costs only those. Raises Problems for wrong values in the
    environment: whoever set them is there to mend them.
    """
    settings, trouble = Settings(), ""
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        settings, faults = _usable(stored)
    except FileNotFoundError:
        faults = ""
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        faults = str(error)
    if faults:
        aside = path.with_name(f"{path.stem}.garbled-{int(time.time())}{path.suffix}")
        with contextlib.suppress(OSError):
            path.replace(aside)
            save(path, settings)
        trouble = f"Settings could not be read ({faults}); kept as {aside.name}."
    return Loaded(check(Settings, from_environment(environment), base=settings), trouble)


def _usable(stored: Mapping[str, Any]) -> tuple[Settings, str]:
    settings, faults = Settings(), []
    for name, value in stored.items():
        try:
            settings = check(Settings, {name: value}, base=settings)
        except Problems as problem:
            faults.append(f"{name}: {problem.what}")
    return settings, " ".join(faults)


def variable(name: str) -> str:
    """The environment's spelling of a setting."""
    return f"WORKBENCH_{name.upper()}"


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings named in the environment, as text."""
    names = {variable(one.name): one.name for one in knobs(Settings)}
    return {names[key]: value for key, value in environment.items() if key in names}


def named(names: Iterable[str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Those settings among `names` that this start names (--set, or the environment), as text."""
    found = from_environment(environment)
    return {name: found[name] for name in names if name in found}


def with_those(settings: Settings, asked: Mapping[str, str], names: Iterable[str]) -> Settings:
    """Settings with what was asked for over them, of `names` alone; raises Problems for wrong values."""
    return check(Settings, {name: asked[name] for name in names if name in asked}, base=settings)


def change(path: Path, changes: Mapping[str, Any]) -> None:
    """Write some settings and leave the others in the file as they are.

    What the environment sets stays out of the file: it is meant for one start, not for good.
    """
    save(path, load(path, {}).settings.replace(**changes))


def save(path: Path, settings: Settings) -> None:
    """Write the settings that differ from the defaults, replacing the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    scratch.write_bytes(msgspec.json.format(msgspec.json.encode(changed(settings))))
    scratch.replace(path)
