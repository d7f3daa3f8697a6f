"""Model folders elsewhere on this machine that the home remembers; they stay where they are."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from workbench.core.problem import KnownTrouble
from workbench.store.home import Home


def remembered(home: Home) -> list[str]:
    """The folders' paths in the order in which they were added; a damaged list counts as empty."""
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(home.remembered.read_bytes(), type=list[str])
    return []


def remember(home: Home, folder: Path) -> str:
    """Offer a folder in every backbone chooser from now on; its address is its whole path."""
    address = os.path.abspath(folder.expanduser())  # noqa: PTH100 (links stay: they may be moved on purpose)
    _write(home, [*[one for one in remembered(home) if one != address], address])
    return address


def forget(home: Home, address: str) -> bool:
    """Offer a folder no longer, without touching it; whether it was known."""
    known = remembered(home)
    if address not in known:
        return False
    _write(home, [one for one in known if one != address])
    return True


def _write(home: Home, addresses: list[str]) -> None:
    scratch = home.remembered.with_suffix(".tmp")
    try:
        scratch.write_bytes(msgspec.json.format(msgspec.json.encode(addresses)))
        scratch.replace(home.remembered)
    except OSError as error:
        raise KnownTrouble(
            "The list of model folders could not be written.",
            expected=f"a writable file {home.remembered}",
            received=str(error),
            fix="Free some space, or mend the rights of that folder.",
        ) from None
