"""The command line that does the same as the form."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from workbench.core.params import knobs, values_of
from workbench.core.recipe import Recipe


def command_line(
    recipe: Recipe,
    *,
    preset: str,
    params: Mapping[str, Any],
    inputs: Mapping[str, str],
    seed: int = 0,
    device: str = "auto",
) -> str:
    """`workbench run …` with every knob that differs from the preset, quoted for this system's shell."""
    words = ["workbench", "run", recipe.id, "--preset", preset]
    base = values_of(recipe.preset(preset))
    for one in knobs(recipe.params):
        if one.name in params and params[one.name] != base[one.name]:
            words += [one.flag, spell(params[one.name])]
    for slot, address in inputs.items():
        declared = recipe.reads.get(slot)
        if declared is None or address != declared.default:
            words += ["--input", f"{slot}={address}"]
    words += ["--seed", str(seed)] if seed else []
    words += ["--device", device] if device != "auto" else []
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def spell(value: Any) -> str:
    """A knob's value as the command line takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
