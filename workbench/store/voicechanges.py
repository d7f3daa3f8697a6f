"""Changes of remembered voices that can be taken back: held in memory alone, gone with whoever holds them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

import msgspec

from workbench.store import voices
from workbench.store.home import Home


class VoiceChange(msgspec.Struct, frozen=True):
    """A profile's file before and after a change; None where there was none."""

    id: str
    name: str
    before: bytes | None
    after: bytes | None

    @property
    def turned(self) -> VoiceChange:
        """The change that takes this one back."""
        return VoiceChange(self.id, self.name, self.after, self.before)


class Kept(msgspec.Struct, frozen=True):
    """All profiles as they are now."""

    files: Mapping[str, bytes]
    names: Mapping[str, str]


def keep(home: Home) -> Kept:
    """What `changes` compares with later; profiles that cannot be read are passed by."""
    files: dict[str, bytes] = {}
    for path in sorted(home.voices.glob(f"*{voices.ENDING}")):
        with contextlib.suppress(OSError):
            files[path.stem] = path.read_bytes()
    return Kept(files, {one.id: one.name for one in voices.voices(home)})


def changes(before: Kept, after: Kept) -> tuple[VoiceChange, ...]:
    """What is another one now."""
    names = {**before.names, **after.names}
    ids = sorted({*before.files, *after.files})
    every = (VoiceChange(id, names.get(id, id), before.files.get(id), after.files.get(id)) for id in ids)
    return tuple(one for one in every if one.before != one.after)


def put_back(home: Home, made: Iterable[VoiceChange]) -> list[str]:
    """Take changes back; returns the names of voices that were changed since: those stay as they are now.

    A voice that was deleted since stays deleted. Raises KnownTrouble where a file cannot be written.
    """
    now, left = keep(home).files, []
    for one in made:
        here = now.get(one.id)
        if here == one.before:
            continue
        if here != one.after:
            left.append(one.name)
        elif one.before is None:
            voices.delete(home, one.id)
        else:
            voices.put(home, one.id, one.before)
    return left
