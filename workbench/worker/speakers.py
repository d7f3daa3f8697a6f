"""What a window may ask about speakers: who spoke when in a sound, and a voice to be remembered."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.core import documents
from workbench.core.audio import SoundFile
from workbench.core.problem import KnownTrouble
from workbench.core.speakers import Diarised, DiariseWish, EnrolWish, Voice, VoiceProfile, talk_time
from workbench.store import voices
from workbench.worker.child import share_cores
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    import numpy as np

    from workbench.engine.speech.diarising import Settings, Turns
    from workbench.worker.interactive import ApplyContext

Read = Callable[[str], SoundFile]
"""A sound, read to its end into the cache."""
SHIPPED = "speaker-encoder"
UNHEARD = "where people speak at the same time, the stronger voice has the turn: overlap is not told"
VERSION = 1
"""Raised when the same sound would be told otherwise."""


def diarise(arguments: dict[str, Any], context: ApplyContext, read: Read) -> Diarised:
    """Who spoke when; the turns are kept beside the sound's samples, the names are looked up anew each time."""
    begun = time.monotonic()
    wish = as_asked(arguments, DiariseWish)
    encoder, mark, settings = speaker_encoder(wish.encoder, context)
    if wish.threshold:
        settings = msgspec.structs.replace(settings, threshold=wish.threshold)
    sound = read(wish.path)
    place = Path(sound.path).parent / "speakers" / f"{_key(mark, wish, settings, sound)}.json"
    found = documents.read(place, Diarised) if place.is_file() else None
    if found is None or not Path(found.windows).is_file() or not Path(found.points).is_file():
        from workbench.engine.speech.diarising import diarise, mono

        turns = diarise(mono(sound), encoder, speakers=wish.speakers, settings=settings, progress=context.progress)
        found = _kept(place, turns, mark, settings)
    named = _recognised(found, context) if wish.remembered else found
    return msgspec.structs.replace(named, seconds=round(time.monotonic() - begun, 2))


def enrol(arguments: dict[str, Any], context: ApplyContext, read: Read) -> VoiceProfile:
    """Remember a voice under a name; where it was taken for another one, that is told no."""
    from workbench.engine.speech.diarising import mono, voice_of

    wish = as_asked(arguments, EnrolWish)
    encoder, mark, settings = speaker_encoder(wish.encoder, context)
    sound = read(wish.path)
    spans = tuple((start, end) for start, end in wish.spans if end > start)
    vector, seconds = voice_of(mono(sound), encoder, spans, settings=settings)
    source = sound.source or wish.path
    key = hashlib.blake2b(str(Path(source).resolve()).encode("utf-8", "replace"), digest_size=8).hexdigest()
    reference = voices.Reference(vector, round(seconds, 2), key, Path(source).stem[:80])
    # First what is to be remembered: a name that is none must not cost the other profile anything.
    made = voices.enrol(context.home, wish.name, mark, reference)
    wrong = [one for one in voices.voices(context.home) if one.id == wish.instead_of and one.id != made.id]
    if wrong:
        voices.refuse(context.home, wrong[0].id, vector, key=key)
    return made.told


def speaker_encoder(address: str, context: ApplyContext) -> tuple[Any, str, Settings]:
    """The encoder, a mark that changes with its weights, and how speakers are told apart by it."""
    from workbench.engine.backbone_folders import STARTERS
    from workbench.engine.speech.diarising import settings_for
    from workbench.engine.speech.speaker_encoder import load_speaker_encoder

    folder = Path(address).expanduser() if address else STARTERS / SHIPPED
    if not address and not folder.is_dir():
        raise KnownTrouble(
            "The speaker encoder that tells voices apart is missing.", expected=f"a model at {folder}",
            received="no such folder", fix="Install the program again, or name the folder of an encoder of your own.",
        )  # fmt: skip
    files = [one for one in sorted(folder.rglob("*.safetensors")) if one.is_file()]
    state = tuple((str(one), one.stat().st_mtime_ns, one.stat().st_size) for one in files)
    key = ("speaker-encoder", str(folder), state)
    if key not in context.cache:
        share_cores("interactive")
        encoder = load_speaker_encoder(folder)
        digest = hashlib.blake2b(digest_size=8)
        for one in files:
            digest.update(one.read_bytes())
        context.cache[key] = encoder, digest.hexdigest()
    encoder, mark = context.cache[key]
    return encoder, mark, settings_for(encoder)


def _key(mark: str, wish: DiariseWish, settings: Settings, sound: SoundFile) -> str:
    facts = f"{VERSION} {mark} {wish.speakers} {settings} {sound.meta.samples}"
    return hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()


def _kept(place: Path, turns: Turns, mark: str, settings: Settings) -> Diarised:
    import numpy as np

    from workbench.engine.speech.diarising import map_of

    place.parent.mkdir(parents=True, exist_ok=True)
    windows, points = (place.with_name(f"{place.stem}.{name}.npy") for name in ("windows", "points"))
    np.save(windows, turns.windows.astype(np.float32))
    np.save(points, map_of(turns.windows))
    talk = talk_time(turns.tier)
    found = Diarised(
        turns.tier, tuple(Voice(name, round(talk[name][0], 2), talk[name][1]) for name in talk),
        speech_s=round(turns.speech_s, 2), encoder=mark, window_s=settings.window_s,
        centres_s=tuple(np.round(turns.centres_s, 3).tolist()), windows=str(windows), points=str(points),
        notes=(UNHEARD,) if len(talk) > 1 else (),
    )  # fmt: skip
    scratch = place.with_suffix(".tmp")
    documents.write(scratch, found)
    scratch.replace(place)
    return found


def _recognised(found: Diarised, context: ApplyContext) -> Diarised:
    """The same under the names of remembered voices, where a score reaches the threshold."""
    import numpy as np

    from workbench.engine.speech.diarising import KNOWN_AT

    known = [one for one in voices.voices(context.home) if one.encoder == found.encoder]
    if not known:
        return found
    windows = np.load(found.windows, mmap_mode="r", allow_pickle=False)
    rows = np.stack([_voice(found, windows, one.name) for one in found.voices])
    matches = voices.recognise_all(known, found.encoder, rows, KNOWN_AT)
    named = []
    for one, match in zip(found.voices, matches, strict=True):
        if match is None:
            named.append(one)
            continue
        sure = match.score >= KNOWN_AT
        named.append(msgspec.structs.replace(
            one, name=match.voice.name if sure else one.name, profile=match.voice.id, likeness=match.voice.name,
            score=round(match.score, 3), known=sure,
        ))  # fmt: skip
    names = {old.name: new.name for old, new in zip(found.voices, named, strict=True)}
    turns = [msgspec.structs.replace(one, speaker=names[one.speaker]) for one in found.tier.segments]
    return msgspec.structs.replace(found, voices=tuple(named), tier=msgspec.structs.replace(found.tier, segments=turns))


def _voice(found: Diarised, windows: np.ndarray, name: str) -> np.ndarray:
    """The mean direction of the windows that are centred in a speaker's turns."""
    import numpy as np

    centres = np.asarray(found.centres_s)
    inside = np.zeros(len(centres), bool)
    for one in found.tier.segments:
        if one.speaker == name:
            inside |= (centres >= one.start_s) & (centres < one.end_s)
    if not inside.any():
        turn = next(one for one in found.tier.segments if one.speaker == name)
        inside[np.abs(centres - (turn.start_s + turn.end_s) / 2).argmin()] = True
    mean = windows[inside].mean(0)
    vector: np.ndarray = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return vector


def inspectors(read: Callable[[str, ApplyContext], SoundFile]) -> Mapping[str, Callable[..., Any]]:
    """The questions by name, with a way to read sounds."""
    return {
        "diarise": lambda arguments, context: diarise(arguments, context, lambda path: read(path, context)),
        "voice-enrol": lambda arguments, context: enrol(arguments, context, lambda path: read(path, context)),
    }
