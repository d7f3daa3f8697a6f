"""What a window may ask about cloned voices: known from a sound, seen on a map, heard saying a text.

Nothing is kept of a voice that has no name: its numbers stay in this process, and what the recipe writes of them goes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.audio import SoundFile
from workbench.core.cloning import (
    LEARNED,
    RECIPE,
    Cloned,
    ClonedVoice,
    MapPoint,
    MapWish,
    Said,
    SayWish,
    VoiceMap,
    VoiceSource,
    VoiceWish,
    file_stem,
)
from workbench.core.problem import InputError, did_you_mean
from workbench.core.sayable import sayable
from workbench.core.speakers import talk_time
from workbench.recipes import recipe
from workbench.store import voices
from workbench.worker.child import place, share_cores
from workbench.worker.questions import as_asked
from workbench.worker.speakers import speaker_encoder

if TYPE_CHECKING:
    import numpy as np

    from workbench.worker.interactive import ApplyContext

Read = Callable[[str], SoundFile]
"""A sound, read to its end into the cache."""
SHIPPED = "voice-synthesiser"
SHORTEST_S, ADVISED_S = 0.5, 3.0
"""Less speech tells no voice; from the second length on a voice is known well."""
COMPARED_S = 60.0
"""So much of what was chosen is looked at for a second speaker."""
MOST_HEARD = 32


@dataclasses.dataclass(frozen=True)
class _Voice:
    """A voice with its numbers: (D,) at length 1."""

    vector: np.ndarray
    title: str
    speech_s: float = 0.0
    notes: tuple[str, ...] = ()
    own_cosine: float | None = None
    """Of two halves of what it was told by."""


class _Desk:
    """A model with its learned voices, its encoder and their map: what every question here begins with."""

    def __init__(self, model: str, context: ApplyContext, read: Read) -> None:
        from workbench.engine.backbone_folders import STARTERS
        from workbench.engine.speech.speaker_encoder import CARD
        from workbench.engine.speech.voice_map import learned_voices
        from workbench.worker.interactive import model_folder

        self.context, self.read = context, read
        self.model = model_folder(Path(model).expanduser()) if model else STARTERS / SHIPPED
        self.learned = learned_voices(self.model / LEARNED)
        own = str(self.model) if (self.model / CARD).is_file() else ""
        self.encoder, self.mark, self.settings = speaker_encoder(own, context)

    def places(self) -> np.ndarray:
        """Where the learned voices lie on the map (n, 2); worked out once and kept."""
        import numpy as np

        from workbench.engine.speech.voice_map import layout
        from workbench.engine.text.cache import keep

        vectors = np.stack(list(self.learned.values()))
        name = hashlib.blake2b(vectors.tobytes(), digest_size=8).hexdigest()
        path = self.context.home.cache / "cloned" / f"map-{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)

        def write(scratch: Path) -> None:
            with scratch.open("wb") as file:
                np.save(file, layout(vectors))

        keep(path, write)
        found: np.ndarray = np.load(path, allow_pickle=False)
        return found

    def nearest(self, vector: np.ndarray, *, but: str = "") -> tuple[str, float]:
        """The learned voice that one is most like, and its cosine."""
        cosines = {name: float(one @ vector) for name, one in self.learned.items() if name != but}
        name = max(cosines, key=lambda one: cosines[one], default="")
        return name, round(cosines[name], 4) if name else 0.0

    def voice(self, source: VoiceSource) -> _Voice:
        """The voice that is meant; raises InputError where there is none."""
        given = [bool(source.path), bool(source.profile), bool(source.learned), source.seed >= 0]
        if sum(given) != 1:
            raise InputError(
                "Whose voice is meant?", expected="a sound, a remembered voice, a learned one or a seed",
                received="none of them" if not any(given) else "several of them", fix="Name one.", field="voice",
            )  # fmt: skip
        if source.path:
            return self._heard(source)
        if source.profile:
            return self._remembered(source.profile)
        if source.learned:
            return self._learned(source.learned)
        from workbench.recipes.speech.sv2tts.serve import fictitious

        return _Voice(fictitious(source.seed, len(next(iter(self.learned.values())))), f"nobody {source.seed}")

    def _remembered(self, name: str) -> _Voice:
        one = voices.voice_named(self.context.home, name)
        if one.encoder != self.mark:
            raise InputError(
                f"The voice of {one.name} was remembered by another encoder than this synthesiser listens with.",
                expected=f"a voice of encoder {self.mark}", received=f"encoder {one.encoder}",
                fix="Enrol the voice again from a sound.", field="voice",
            )  # fmt: skip
        return _Voice(one.centre.astype("float32"), one.name, one.told.seconds)

    def _learned(self, name: str) -> _Voice:
        if name not in self.learned:
            raise InputError(
                "The synthesiser has learned no voice of this name.", expected=", ".join(list(self.learned)[:5]) + " …",
                received=name, fix=did_you_mean(name, self.learned), field="voice",
            )  # fmt: skip
        return _Voice(self.learned[name], name)

    def _heard(self, source: VoiceSource) -> _Voice:
        """The voice that speaks in a sound, with what is to be told of it; remembered in this process only."""
        sound = self.read(source.path)
        key, last = (sound.path, source.spans, self.mark), self.context.cache.setdefault("cloned-voices", {})
        if key not in last:
            if len(last) >= MOST_HEARD:
                del last[next(iter(last))]
            last[key] = self._listen(sound, source)
        found: _Voice = last[key]
        return found

    def _listen(self, sound: SoundFile, source: VoiceSource) -> _Voice:
        from workbench.engine.speech.diarising import RATE_HZ, mono, voice_of

        wave = mono(sound)
        whole_s = len(wave) / RATE_HZ
        spans = tuple((max(start, 0.0), min(end, whole_s)) for start, end in source.spans)
        spans = tuple(one for one in spans if one[1] > one[0]) or ((0.0, whole_s),)
        chosen_s = sum(end - start for start, end in spans)
        if chosen_s < SHORTEST_S:
            raise _too_short(f"{chosen_s:.2f} s of sound")
        vector, speech_s = voice_of(wave, self.encoder, spans, settings=self.settings)
        if speech_s < SHORTEST_S:
            raise _too_short(f"{speech_s:.2f} s of speech in {chosen_s:.1f} s of sound")
        notes = [f"the {sound.meta.channels} channels are heard as their mean"] if sound.meta.channels > 2 else []
        if speech_s < ADVISED_S:
            notes.append(f"{speech_s:.1f} s of speech is little: with {ADVISED_S:.0f} s or more the voice is truer")
        notes += self._others(wave, spans)
        title = Path(sound.source or source.path).stem
        if source.spans:
            title += f" {spans[0][0]:.1f}–{spans[-1][1]:.1f} s"
        return _Voice(vector, title, round(speech_s, 2), tuple(notes), self._steadiness(wave, spans))

    def _steadiness(self, wave: np.ndarray, spans: tuple[tuple[float, float], ...]) -> float | None:
        """The cosine of the first half of what was chosen to the second; None where a half is too short."""
        from workbench.engine.speech.diarising import RATE_HZ
        from workbench.engine.speech.opening import as_float

        parts = _chosen(wave, spans)[:, None]
        half = len(parts) // 2
        try:
            one, other = (self.encoder.embed(as_float(each), RATE_HZ) for each in (parts[:half], parts[half:]))
        except InputError:
            return None
        return round(float(one @ other), 4)

    def _others(self, wave: np.ndarray, spans: tuple[tuple[float, float], ...]) -> list[str]:
        """A warning where more than one person speaks: their voice would be that of neither."""
        from workbench.engine.speech.diarising import diarise

        parts = _chosen(wave, spans)
        talk: dict[str, tuple[float, int]] = {}
        with contextlib.suppress(InputError):  # nobody speaks in this much of it
            turns = diarise(parts, self.encoder, settings=self.settings)
            talk = talk_time(turns.tier)
        if len(talk) < 2:
            return []
        who = " and ".join(f"{seconds:.1f} s" for seconds, _ in list(talk.values())[:3])
        return [f"{len(talk)} people seem to speak here ({who}): the voice lies between them and is nobody's. "
                "Select one of them, or let “Who spoke when” tell them apart"]  # fmt: skip


def _chosen(wave: np.ndarray, spans: tuple[tuple[float, float], ...]) -> np.ndarray:
    """The stretches of (n,) samples one after the other, as far as COMPARED_S."""
    import numpy as np

    from workbench.engine.speech.diarising import RATE_HZ

    parts, left = [], round(COMPARED_S * RATE_HZ)
    for start, end in spans:
        part = wave[round(start * RATE_HZ) : round(end * RATE_HZ)][:left]
        parts.append(part)
        left -= len(part)
    return np.concatenate(parts)


def _too_short(received: str) -> InputError:
    return InputError(
        "There is too little speech to know a voice by.",
        expected=f"{SHORTEST_S} s of speech at least, {ADVISED_S:.0f} s or more to know it well",
        received=received, fix="Choose a longer part of the sound.", field="voice",
    )  # fmt: skip


def know(arguments: dict[str, Any], context: ApplyContext, read: Read) -> ClonedVoice:
    """A voice, its place on the map, and whom it is like."""
    import numpy as np

    from workbench.engine.speech.voice_map import placed

    wish = as_asked(arguments, VoiceWish)
    desk = _Desk(wish.model, context, read)
    one = desk.voice(wish.source)
    neighbour, cosine = desk.nearest(one.vector, but=wish.source.learned)
    where = placed(one.vector, np.stack(list(desk.learned.values())), desk.places())
    return ClonedVoice(one.title, where, neighbour, cosine, one.speech_s, desk.mark, one.notes)


def show_map(arguments: dict[str, Any], context: ApplyContext, read: Read) -> VoiceMap:
    """The learned voices, and the remembered ones among them."""
    import numpy as np

    from workbench.engine.speech.voice_map import placed

    wish = as_asked(arguments, MapWish)
    desk = _Desk(wish.model, context, read)
    vectors, places = np.stack(list(desk.learned.values())), desk.places()
    learned = [
        MapPoint(name, VoiceSource(learned=name), (float(x), float(y)), *desk.nearest(desk.learned[name], but=name))
        for name, (x, y) in zip(desk.learned, places, strict=True)
    ]  # fmt: skip
    known = voices.voices(context.home)
    fit = [one for one in known if one.encoder == desk.mark]
    kept = [
        MapPoint(one.name, VoiceSource(profile=one.id), placed(one.centre.astype(np.float32), vectors, places),
                 *desk.nearest(one.centre))
        for one in fit
    ]  # fmt: skip
    gone = ", ".join(one.name for one in known if one.encoder != desk.mark)
    notes = (f"remembered by another encoder, so not heard here: {gone}",) if gone else ()
    return VoiceMap(tuple(learned), tuple(kept), desk.mark, notes)


def say(arguments: dict[str, Any], context: ApplyContext, read: Read) -> Said:
    """A text said with a voice, and how like that voice the encoder finds what was said."""
    import numpy as np

    begun = time.monotonic()
    wish = as_asked(arguments, SayWish)
    text, notes = sayable(wish.text)
    desk = _Desk(wish.model, context, read)
    share_cores("interactive")
    one = desk.voice(wish.source)
    out = Path(wish.out).expanduser() if wish.out else _cached(context, one, text)
    with tempfile.TemporaryDirectory(prefix="workbench-voice-") as scratch:
        vector = Path(scratch) / "voice.npy"
        np.save(vector, one.vector.astype(np.float32), allow_pickle=False)
        cloned = _applied(context, desk.model, {"text": text, "voice": str(vector), "vector": str(vector),
                                                "out": str(out)})  # fmt: skip
    likeness, rival = None, ("", 0.0)
    try:
        made = desk.encoder.embed(*_samples(out))
        likeness, rival = round(float(made @ one.vector), 4), desk.nearest(made, but=wish.source.learned)
    except InputError:
        notes = (*notes, "too little was said to compare the voices")
    return Said(
        str(out), one.title, text, cloned.sample_rate_hz, round(cloned.duration_s, 3), likeness, *rival,
        own_cosine=one.own_cosine, seconds=round(time.monotonic() - begun, 2), notes=(*notes, *one.notes),
        notice=cloned.notice,
    )  # fmt: skip


def _applied(context: ApplyContext, model: Path, inputs: dict[str, Any]) -> Cloned:
    """The one place where the recipe's synthesiser, and whatever vocoder it has, is asked to speak."""
    apply = recipe(RECIPE).apply
    if apply is None:
        raise InputError("Nothing here says texts.", expected=f"the recipe {RECIPE} with apply()", received="none")
    here = dataclasses.replace(context, device=place(context.device))
    found: Cloned = apply(here, model, inputs)
    return found


def _cached(context: ApplyContext, one: _Voice, text: str) -> Path:
    folder = context.home.cache / "cloned"
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.blake2b(one.vector.tobytes() + text.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return folder / f"{file_stem(one.title)}-{name}.wav"


def _samples(path: Path) -> tuple[np.ndarray, int]:
    """(n,) float32 samples and their rate in Hz."""
    import soundfile

    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return samples.mean(1), int(rate_hz)


def inspectors(read: Callable[[str, ApplyContext], SoundFile]) -> Mapping[str, Callable[..., Any]]:
    """The questions by name, with a way to read sounds."""
    return {
        "clone-voice": lambda arguments, context: know(arguments, context, lambda path: read(path, context)),
        "clone-map": lambda arguments, context: show_map(arguments, context, lambda path: read(path, context)),
        "clone-say": lambda arguments, context: say(arguments, context, lambda path: read(path, context)),
    }
