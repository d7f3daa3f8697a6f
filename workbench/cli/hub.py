"""`models download`: what the hub offers, agreed to first, then fetched with progress inside the files."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from workbench.cli import output
from workbench.cli.output import REFRESH_S, duration, json_line, say, tell
from workbench.cli.parser import Namespace, stop_at
from workbench.core.problem import InputError, Problem
from workbench.core.settings import load
from workbench.core.words import size
from workbench.store.home import Home, open_home
from workbench.store.hub import Fetched, Offer, arrived_bytes, fetch, look_up
from workbench.store.models import facts_of


def download(asked: Namespace) -> int:
    """`models download ORG/NAME`: licence and size first, then the files, then their digests."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    try:
        return _download(home, asked)
    except Problem as problem:
        if asked.progress:  # a window reads our lines, not our words
            json_line({"type": "problem", **msgspec.to_builtins(problem.record())})
        raise


def _download(home: Home, asked: Namespace) -> int:
    if load(home.settings).settings.offline:
        raise InputError(
            "The network is switched off.", expected="the setting 'offline' off", received="offline=true",
            fix="Add --set offline=false to this command, or give a folder: workbench models add FOLDER.",
        )  # fmt: skip
    os.environ["HF_HUB_OFFLINE"] = "0"
    offer = look_up(asked.model, commit=asked.commit)
    tell(f"{offer.model}: {len(offer.files)} files, {size(offer.size_bytes)}, licence: {offer.licence or 'not stated'}")
    if asked.dry_run:
        _offered(home, offer, as_json=asked.json or asked.progress)
        return 0
    if not asked.yes and not _agreed():
        tell("Nothing was downloaded.")
        return 1
    show = _Line() if not asked.progress else None
    target = fetch(home, offer, _json_progress if show is None else show)
    if show is not None:
        show.close()
    _done(asked, offer, target)
    return 0


def _offered(home: Home, offer: Offer, *, as_json: bool) -> None:
    document = {"type": "offer", **msgspec.to_builtins(offer)}
    document |= {"bytes": offer.size_bytes, "arrived": arrived_bytes(home, offer.model)}
    if as_json:
        json_line(document)
        return
    output.table([[one.name, size(one.size_bytes)] for one in offer.files], ["file", "size"])


def _done(asked: Namespace, offer: Offer, target: Path) -> None:
    facts = facts_of(target, name=target.name, kind="added")
    document: dict[str, Any] = {"model": target.name, "path": str(target), "bytes": facts.size_bytes}
    document |= {"licence": offer.licence, "address": f"hub:{offer.model}", "commit": offer.commit}
    json_line(document) if asked.json or asked.progress else say(str(target))


def _agreed() -> bool:
    if not sys.stdin.isatty():
        tell("Add --yes to accept the licence without being asked.")
        return False
    tell("Download it? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _json_progress(now: Fetched) -> None:
    json_line({"type": "progress", **msgspec.to_builtins(now)})


class _Line:
    """One line on a terminal that rewrites itself; nothing where standard error is not one."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown_at = 0.0

    def __call__(self, now: Fetched) -> None:
        if self._terminal and time.monotonic() - self._shown_at >= REFRESH_S:
            self._shown_at = time.monotonic()
            parts = [f"{size(now.bytes)} of {size(now.of)}", f"{size(now.bytes_per_s)}/s" if now.bytes_per_s else ""]
            parts += [f"{duration(now.seconds_left)} left" if now.seconds_left > 0 else "", now.file]
            sys.stderr.write("\r" + "  ".join(part for part in parts if part)[:120] + "\x1b[K")
            sys.stderr.flush()

    def close(self) -> None:
        """Leave the terminal clean."""
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
