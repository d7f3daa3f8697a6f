"""Voices that a person named: kept in the home until they are deleted, one file each, readable by the owner only.

A voice is biometric data. Nothing is kept before somebody gives it a name. What is kept are vectors: no recording,
but a synthesiser that takes such vectors can speak alike. Deleting a profile leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from workbench.core.problem import InputError, KnownTrouble, did_you_mean
from workbench.core.speakers import VoiceProfile
from workbench.store.home import Home

MOST_REFERENCES = 50
"""Of a voice heard more often, the latest are kept."""
ENDING = ".safetensors"
LONGEST_NAME = 80


@dataclasses.dataclass(frozen=True)
class Reference:
    """A voice as it was heard in one sound: (D,) unit length, from so much speech."""

    vector: np.ndarray
    seconds: float
    key: str
    """Tells the sound, so that it counts once; a digest, never a path."""
    title: str


@dataclasses.dataclass(frozen=True)
class RememberedVoice:
    """A profile with its numbers: `references` that are this voice, and `refused` (m, D) that are not."""

    id: str
    name: str
    encoder: str
    references: tuple[Reference, ...]
    refused: tuple[np.ndarray, ...] = ()
    changed: str = ""

    @property
    def centre(self) -> np.ndarray:
        """The mean direction (D,) at length 1, a reference of more speech counting for more."""
        weights = np.sqrt([max(one.seconds, 0.1) for one in self.references])
        mean = (weights[:, None] * np.stack([one.vector for one in self.references])).sum(0)
        found: np.ndarray = mean / max(float(np.linalg.norm(mean)), 1e-9)
        return found

    @property
    def told(self) -> VoiceProfile:
        """The profile without its numbers."""
        titles = tuple(dict.fromkeys(one.title for one in self.references))
        seconds = round(sum(one.seconds for one in self.references), 1)
        return VoiceProfile(self.id, self.name, seconds, titles, len(self.refused), self.encoder, self.changed)


@dataclasses.dataclass(frozen=True)
class Match:
    """The remembered voice that one is most like, by cosine."""

    voice: RememberedVoice
    score: float


def voices(home: Home) -> list[RememberedVoice]:
    """Every remembered voice by its name; files that are damaged are passed by."""
    found = []
    for path in sorted(home.voices.glob(f"*{ENDING}")):
        with contextlib.suppress(OSError, SafetensorError, ValueError, KeyError):
            found.append(_read(path))
    return sorted(found, key=lambda one: one.name.casefold())


def profiles(home: Home) -> list[VoiceProfile]:
    """Every remembered voice without its numbers, by its name."""
    return [one.told for one in voices(home)]


def voice_named(home: Home, name: str) -> RememberedVoice:
    """The voice of a name or id; raises InputError where there is none."""
    known = voices(home)
    for one in known:
        if name in (one.id, one.name) or one.name.casefold() == name.strip().casefold():
            return one
    names = [one.name for one in known]
    raise InputError(
        f"No voice is remembered as {name!r}.", expected=", ".join(names) or "a voice that was named before",
        received=name, fix=did_you_mean(name, names) or "'workbench speech profiles list' shows the names.",
        field="name",
    )  # fmt: skip


def enrol(home: Home, name: str, encoder: str, reference: Reference) -> RememberedVoice:
    """Remember a voice under a name, or add to what is remembered under it; a sound counts once.

    What another encoder made before is replaced, since its numbers mean something else. Raises InputError
    for a name that is none, KnownTrouble when it cannot be written.
    """
    name = _checked(name)
    vector = np.asarray(reference.vector, np.float32)
    if vector.ndim != 1 or not np.isfinite(vector).all() or not np.linalg.norm(vector) > 0:
        raise InputError("This is no voice to remember.", expected="(D,) finite numbers", received=str(vector.shape))
    reference = dataclasses.replace(reference, vector=vector / np.linalg.norm(vector))
    before = next((one for one in voices(home) if one.name.casefold() == name.casefold()), None)
    kept: tuple[Reference, ...] = ()
    refused: tuple[np.ndarray, ...] = ()
    if before is not None and before.encoder == encoder:
        kept = tuple(one for one in before.references if one.key != reference.key)
        # Who says that this is the voice after all takes back that it is not.
        refused = tuple(one for one in before.refused if float(one @ reference.vector) < 0.999)
    made = RememberedVoice(
        before.id if before else secrets.token_hex(6), before.name if before else name, encoder,
        (*kept, reference)[-MOST_REFERENCES:], refused,
    )  # fmt: skip
    return _write(home, made)


def refuse(home: Home, id: str, vector: np.ndarray, *, key: str = "") -> RememberedVoice | None:
    """A person says that this is not the voice: its like is not taken for it again.

    What the same sound (`key`) had added to it is taken out; a profile that is left with nothing is
    deleted, and None returned.
    """
    one = voice_named(home, id)
    refused = (*one.refused, np.asarray(vector, np.float32) / max(float(np.linalg.norm(vector)), 1e-9))
    kept = tuple(each for each in one.references if not key or each.key != key)
    if not kept:
        delete(home, id)
        return None
    return _write(home, dataclasses.replace(one, references=kept, refused=refused[-MOST_REFERENCES:]))


def rename(home: Home, id: str, name: str) -> RememberedVoice:
    """Another name; raises InputError where another voice has it: merge them, if they are one."""
    name = _checked(name)
    one = voice_named(home, id)
    if any(each.name.casefold() == name.casefold() and each.id != one.id for each in voices(home)):
        raise InputError(
            f"Another voice is remembered as {name!r}.", expected="a name that is free", received=name,
            fix="Choose another name, or merge the two if they are one person.", field="name",
        )  # fmt: skip
    return _write(home, dataclasses.replace(one, name=name))


def merge(home: Home, id: str, into: str) -> RememberedVoice:
    """Two profiles are one person: all that is remembered goes to `into`; raises InputError where they cannot be."""
    gone, stays = voice_named(home, id), voice_named(home, into)
    if gone.id == stays.id or gone.encoder != stays.encoder:
        raise InputError(
            "These two cannot be merged.", expected="two voices that were told by the same encoder",
            received=f"{gone.name} and {stays.name}", fix="Delete one, and name its speaker anew.",
        )  # fmt: skip
    keys = {one.key for one in stays.references}
    joined = (*(one for one in gone.references if one.key not in keys), *stays.references)[-MOST_REFERENCES:]
    made = _write(home, dataclasses.replace(stays, references=joined))
    delete(home, gone.id)
    return made


def delete(home: Home, id: str) -> None:
    """Forget a voice; nothing of it stays. Raises InputError for an unknown one, KnownTrouble where it cannot."""
    path = home.voices / f"{voice_named(home, id).id}{ENDING}"
    try:
        path.unlink()
    except OSError as error:
        raise _trouble("could not be deleted", path, error) from None


def recognise(known: Iterable[RememberedVoice], encoder: str, vector: np.ndarray) -> Match | None:
    """The voice that a unit vector (D,) is most like, among those that the same encoder made.

    A voice to which a person said no is passed by where the vector is more like what was refused.
    """
    best: Match | None = None
    for one in known:
        if one.encoder != encoder or len(one.centre) != len(vector):
            continue
        score = float(one.centre @ vector)
        if any(float(no @ vector) >= score for no in one.refused):
            continue
        if best is None or score > best.score:
            best = Match(one, score)
    return best


def recognise_all(
    known: Sequence[RememberedVoice], encoder: str, vectors: np.ndarray, threshold: float
) -> list[Match | None]:
    """For every speaker of a sound (n, D) the voice that it is most like; no voice reaches the threshold twice.

    Where two speakers are both like one voice, the one that is more like it gets it, and the other its next best.
    """
    best: list[Match | None] = [None] * len(vectors)
    free = list(known)
    waiting = set(range(len(vectors)))
    while waiting:
        found = {at: recognise(free, encoder, vectors[at]) for at in waiting}
        there = {at: one for at, one in found.items() if one is not None}
        if not there:
            break
        at = max(there, key=lambda one: there[one].score)
        best[at] = there[at]
        waiting.discard(at)
        if there[at].score < threshold:
            best = [found.get(each, one) if each in waiting else one for each, one in enumerate(best)]
            break
        free = [one for one in free if one.id != there[at].voice.id]
    return best


def _checked(name: str) -> str:
    clean = " ".join(name.split())
    if not clean or len(clean) > LONGEST_NAME or not clean.isprintable():
        raise InputError(
            "This is no name for a voice.", expected=f"1 to {LONGEST_NAME} printable characters", received=name[:100],
            fix="Write a name.", field="name",
        )  # fmt: skip
    return clean


def _read(path: Path) -> RememberedVoice:
    with safe_open(str(path), framework="numpy") as held:
        facts = json.loads((held.metadata() or {})["voice"])
        vectors = np.asarray(held.get_tensor("references"), np.float32)
        refused = tuple(np.asarray(held.get_tensor("refused"), np.float32)) if "refused" in set(held.keys()) else ()
    references = tuple(
        Reference(vector, float(one["seconds"]), str(one["key"]), str(one["title"]))
        for vector, one in zip(vectors, facts["references"], strict=True)
    )
    return RememberedVoice(
        path.stem, str(facts["name"]), str(facts["encoder"]), references, refused, str(facts["changed"])
    )


def _write(home: Home, one: RememberedVoice) -> RememberedVoice:
    one = dataclasses.replace(one, changed=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    facts = {
        "name": one.name, "encoder": one.encoder, "changed": one.changed,
        "references": [{"seconds": each.seconds, "key": each.key, "title": each.title} for each in one.references],
    }  # fmt: skip
    arrays = {"references": np.stack([each.vector for each in one.references]).astype(np.float32)}
    if one.refused:
        arrays["refused"] = np.stack(one.refused).astype(np.float32)
    put(home, one.id, save(arrays, {"voice": json.dumps(facts)}))
    return one


def put(home: Home, id: str, content: bytes) -> None:
    """Write the file of a profile in one step; raises KnownTrouble where it cannot."""
    path = home.voices / f"{id}{ENDING}"
    try:
        home.voices.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.voices.chmod(0o700)
        scratch = path.with_name(f".{id}.{secrets.token_hex(4)}")
        # Never readable by others, not even for a moment.
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        scratch.replace(path)
    except OSError as error:
        raise _trouble("could not be kept", path, error) from None


def _trouble(what: str, path: Path, error: OSError) -> KnownTrouble:
    return KnownTrouble(
        f"The voice {what}.", expected=f"a writable folder {path.parent}", received=str(error),
        fix="Free some space, or mend the rights of that folder.",
    )  # fmt: skip
