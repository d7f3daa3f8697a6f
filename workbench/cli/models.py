"""`models`: what can be applied or started from, taking models in, checking them."""

from __future__ import annotations

import fnmatch
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli import output
from workbench.cli.follow import answer
from workbench.cli.output import json_line, say, size, table, tell
from workbench.cli.parser import Namespace, stop_at
from workbench.cli.running import runner_of
from workbench.core.documents import BackboneInfo
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.settings import load
from workbench.store.home import Home, open_home
from workbench.store.models import add_model, facts_of, model_faults, note_digests, sha256_of, trained_models
from workbench.store.runfolder import find_run

WANTED = ("*.json", "*.safetensors", "*.txt", "*.model", "README.md", "LICENSE*")


def list_(asked: Namespace) -> int:
    """`models list`: trained and added models, then the backbones that a recipe can start from."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    trained = list(trained_models(home))
    with runner_of(home) as runner:
        document = bytes(answer(runner.inspect("backbones")))
    backbones = msgspec.json.decode(document, type=list[BackboneInfo])
    if asked.json:
        for model in trained:
            json_line({"type": "model", **msgspec.to_builtins(model)})
        for backbone in backbones:
            json_line({"type": "backbone", **msgspec.to_builtins(backbone)})
        return 0
    rows = [[one.name, one.kind, one.recipe, size(one.size_bytes), one.problem] for one in trained]
    rows += [
        [one.address, "backbone", one.architecture, size(one.size_bytes), one.problem or one.licence]
        for one in backbones
    ]
    table(rows, ["model", "kind", "recipe or architecture", "size", "note"])
    return 0


def add(asked: Namespace) -> int:
    """`models add FOLDER`: copy weights, configuration and vocabulary into the home."""
    stop_at(asked.problems)
    target = add_model(open_home(asked.home), asked.folder.expanduser(), name=asked.name)
    _told(asked, {"model": target.name, "path": str(target)}, f"Added {target.name}; its address: {target}")
    return 0


def verify(asked: Namespace) -> int:
    """`models verify [MODEL]`: weights readable, files unchanged since they were added."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    folders = [Path(one.path) for one in trained_models(home)] if not asked.model else [_folder(home, asked.model)]
    damaged = 0
    for folder in folders:
        name = folder.parent.name if folder.name == "model" else folder.name
        faults = model_faults(folder)
        damaged += bool(faults)
        document = {"model": name, "path": str(folder), "sound": not faults, "faults": faults}
        _told(asked, document, f"{name}: {'; '.join(faults) or 'sound'}")
    return 1 if damaged else 0


def _folder(home: Home, name: str) -> Path:
    for folder in (Path(name), home.models / name):
        if folder.is_dir() and any(folder.rglob("*.safetensors")):
            return folder
    return find_run(home.runs, name).model


def download(asked: Namespace) -> int:
    """`models download ORG/NAME`: licence and size first, then the files, then their digests."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    if load(home.settings).settings.offline:
        raise InputError(
            "The network is switched off.", expected="the setting 'offline' off", received="offline=true",
            fix="Add --set offline=false to this command, or give a folder: workbench models add FOLDER.",
        )  # fmt: skip
    name = asked.model.removeprefix("hub:")
    os.environ["HF_HUB_OFFLINE"] = "0"
    files, licence = _offered(name)
    total = sum(one.size or 0 for one in files)
    tell(f"{name}: {len(files)} files, {size(total)}, licence: {licence or 'not stated'}")
    if not asked.yes and not _agreed():
        tell("Nothing was downloaded.")
        return 1
    target = home.models / name.replace("/", "--")
    _fetch(name, target, files)
    facts = facts_of(target, name=target.name, kind="added")
    _told(
        asked, {"model": target.name, "path": str(target), "bytes": facts.size_bytes, "licence": licence}, f"{target}"
    )
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        tell("Add --yes to accept the licence without being asked.")
        return False
    tell("Download it? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _offered(name: str) -> tuple[list[Any], str]:
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(name, files_metadata=True)
    except Exception as error:  # the library lets its transport's own classes through
        raise _unreachable(name, error) from None
    files = [one for one in info.siblings or [] if any(fnmatch.fnmatch(one.rfilename, want) for want in WANTED)]
    if not any(one.rfilename.endswith(".safetensors") for one in files):
        raise InputError(
            "This model offers no weights in safetensors.", expected="*.safetensors", received=name,
            fix="Pickled weights can run code and are not taken; look for a converted copy.",
        )  # fmt: skip
    return files, str(getattr(info.card_data, "license", None) or "")


def _fetch(name: str, target: Path, files: list[Any]) -> None:
    from huggingface_hub import snapshot_download

    partial = target.with_name(f".{target.name}.partial")  # kept after a break: the next try goes on from it
    try:
        snapshot_download(name, allow_patterns=list(WANTED), local_dir=partial)
    except Exception as error:  # see above
        raise _unreachable(name, error) from None
    for one in files:
        expected = one.lfs.sha256 if one.lfs else ""
        if expected and sha256_of(partial / one.rfilename) != expected:
            (partial / one.rfilename).unlink()
            raise KnownTrouble(
                "A downloaded file is not what was announced.", expected=expected, received=one.rfilename,
                fix="Download again; the damaged file has been removed.",
            )  # fmt: skip
    note_digests(partial)
    partial.replace(target)


def _unreachable(name: str, error: Exception) -> KnownTrouble:
    return KnownTrouble(
        "The model cannot be downloaded.", expected=f"a public model {name!r} on the hub",
        received=next(iter(str(error).splitlines()), type(error).__name__),
        fix="Check the name and the connection; what has arrived is kept and continued.",
    )  # fmt: skip


def _told(asked: Namespace, document: dict[str, Any], words: str) -> None:
    output.json_line(document) if asked.json else say(words)
