"""Check a configuration against its recipe's declaration, freeze it, and make the run's folder."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.kinds import Slot
from workbench.core.params import Params, check, knobs, values_of
from workbench.core.problem import InputError, Problem, Problems, did_you_mean
from workbench.core.recipe import Recipe
from workbench.core.settings import OF_RUNS, named
from workbench.recipes import recipe
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder, create_run, digest

SAMPLE = "sample:"
PACKAGES = (
    "transfer-workbench", "torch", "transformers", "tokenizers", "accelerate", "peft", "safetensors",
    "numpy", "scikit-learn", "msgspec",
)  # fmt: skip


def prepare(home: Home, config: RunConfig) -> RunFolder:
    """The folder of a new run with its frozen configuration; raises Problems with every fault."""
    return create_run(home.runs, freeze(config))


def freeze(config: RunConfig) -> RunConfig:
    """The configuration with every knob and input spelled out, digests and versions beside them.

    Knobs that were not named come from the preset and from what a chosen sample implies. Raises
    Problems with every fault of the parameters and inputs.
    """
    declared = recipe(config.recipe)
    problems: list[Problem] = []
    inputs = _inputs(declared, config.inputs, problems)
    params = _params(declared, config, inputs, problems)
    if problems or params is None:
        raise Problems(problems)
    return msgspec.structs.replace(
        config,
        params=values_of(params),
        inputs=inputs,
        settings={**config.settings, **named(OF_RUNS)},
        recipe_version=declared.version,
        digests={slot: digest(Path(value)) for slot, value in inputs.items() if not value.startswith(SAMPLE)},
        packages=dict(versions()),
    )


@functools.cache
def versions() -> Mapping[str, str]:
    """Versions of what a result may depend on; nothing is imported for it."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _params(declared: Recipe, config: RunConfig, inputs: Mapping[str, str], problems: list[Problem]) -> Params | None:
    try:
        base = declared.preset(config.preset or "desk")
        implied = {name: value for name, value in _implied(declared, inputs).items() if name not in config.params}
        params = check(declared.params, {**implied, **config.params}, base=base)
    except Problems as several:
        problems.extend(several.problems)
        return None
    except InputError as problem:
        problems.append(problem)
        return None
    problems.extend(_missing_paths(params))
    return params


def _implied(declared: Recipe, inputs: Mapping[str, str]) -> dict[str, Any]:
    samples = [one for slot, value in inputs.items() for one in declared.reads[slot].samples if one.address == value]
    return {name: value for sample in samples for name, value in sample.sets.items()}


def _missing_paths(params: Params) -> list[Problem]:
    return [
        InputError(
            f"{one.title}: there is no such {'folder' if one.widget == 'folder' else 'file'}.",
            expected="a path that exists", received=str(value), fix="Check the path, or leave it empty.",
            field=one.name,
        )
        for one in knobs(type(params))
        if one.widget in ("path", "folder") and (value := getattr(params, one.name)) and not Path(value).exists()
    ]  # fmt: skip


def _inputs(declared: Recipe, given: Mapping[str, str], problems: list[Problem]) -> dict[str, str]:
    problems.extend(
        InputError(
            f"There is no input {name!r}.", expected="an input of this recipe", received=name,
            fix=did_you_mean(name, declared.reads), field=name,
        )
        for name in sorted(given.keys() - declared.reads.keys())
    )  # fmt: skip
    accepted = {}
    for name, slot in declared.reads.items():
        try:
            value = _input(name, slot, given.get(name) or slot.default)
        except InputError as problem:
            problems.append(problem)
            continue
        if value:
            accepted[name] = value
    return accepted


def _input(name: str, slot: Slot, value: str) -> str:
    if not value:
        if slot.required:
            raise _fault(name, slot, "is missing", "nothing", "Choose a file or a sample.")
        return ""
    if value.startswith(SAMPLE):
        known = {sample.address for sample in slot.samples}
        if value not in known:
            raise _fault(name, slot, "names a sample that does not exist", value, did_you_mean(value, known))
        return value
    return _path(name, slot, Path(value).expanduser().absolute())


def _path(name: str, slot: Slot, path: Path) -> str:
    suffixes = slot.kind.suffixes
    if not path.exists():
        raise _fault(name, slot, "names something that is not there", str(path), "Check the path.")
    if path.is_dir() and not slot.kind.folder:
        raise _fault(name, slot, "is a folder", str(path), "Choose a file.")
    if path.is_file() and suffixes and path.suffix.lower() not in suffixes:
        kinds = ", ".join(suffix or "no suffix" for suffix in suffixes)
        raise _fault(name, slot, "is not a kind of file that can be read here", path.name, f"It may end with: {kinds}.")
    if not os.access(path, os.R_OK):
        raise _fault(name, slot, "must not be read", str(path), "Ask its owner for permission, or copy it.")
    return str(path)


def _fault(name: str, slot: Slot, what: str, received: str, fix: str) -> InputError:
    title = slot.title or name
    return InputError(f"{title} {what}.", expected=slot.kind.help, received=received, fix=fix, field=name)
