"""What a run shows: transcripts with what is wrong in them, error rates, the emissions, a sound with its words."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workbench.core.audio import Segment, SoundMeta, Tier, TiersDoc, to_meta
from workbench.core.documents import Column, Span, SpannedText, SpansDoc, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import ImageGrid, Outcomes, Spans, Table, Tiers
from workbench.engine.speech.recogniser import CtcRecogniser
from workbench.engine.speech.transcripts import character_errors, word_errors

from .data import RATE_HZ, Utterance

if TYPE_CHECKING:
    from .method import Tested

OUTCOMES = Outcomes
LISTED, EXAMPLES = 200, 12
WRONG, MISSING = "wrong", "missing"


def examples(job: Job, utterances: Sequence[Utterance], heard: Sequence[str], *, title: str) -> None:
    """What was heard, word by word: wrong words are marked, and what was said stands beside it."""
    texts = [compared(one.text, said) for one, said in zip(utterances[:EXAMPLES], heard, strict=False)]
    job.artifact("examples", Spans, SpansDoc(texts, labels=[WRONG, MISSING]), title=title)


def compared(said: str, heard: str) -> SpannedText:
    """The heard text with its wrong words marked, and a gap (…) where words are missing."""
    words, true = heard.split(), said.split()
    text, spans = "", list[Span]()
    for deed, begin, end, first, last in difflib.SequenceMatcher(None, true, words, autojunk=False).get_opcodes():
        part = " ".join(words[first:last]) or ("…" if end > begin else "")
        if not part:
            continue
        text += " " if text else ""
        if deed != "equal":
            spans.append(Span(len(text), len(text) + len(part), MISSING if deed == "delete" else WRONG))
        text += part
    errors, of = word_errors(heard, said)
    return SpannedText(text or "…", spans, title=f"said: {said}", note=f"{errors} of {of} words wrong")


def transcripts(job: Job, utterances: Sequence[Utterance], before: Sequence[str], after: Sequence[str]) -> None:
    """Test utterances with what is heard before and after training."""
    columns = [Column("said", "text"), Column("heard before training", "text"), Column("heard after", "text"),
               Column("characters wrong", digits=0, best="low"), Column("of", digits=0), Column("speaker", "text")]  # fmt: skip
    rows = []
    for one, then, now in list(zip(utterances, before, after, strict=True))[:LISTED]:
        wrong, of = character_errors(now, one.text)
        rows.append([one.text, then, now, wrong, of, one.speaker])
    job.artifact("transcripts", Table, TableDoc(columns, rows, f"The first {len(rows)} test utterances."),
                 title="What was said and what is heard")  # fmt: skip


def rates(job: Job, rows: Sequence[tuple[str, int, Tested | None, Tested]]) -> None:
    """Character and word error rates, before and after training."""
    columns = [Column("speech", "text"), Column("utterances", digits=0),
               Column("characters wrong before", "number", "%", 1, "low"),
               Column("characters wrong", "number", "%", 1, "low"),
               Column("words wrong before", "number", "%", 1, "low"), Column("words wrong", "number", "%", 1, "low")]  # fmt: skip
    table = [[name, count, _percent(then and then.cer), _percent(now.cer), _percent(then and then.wer),
              _percent(now.wer)] for name, count, then, now in rows]  # fmt: skip
    caption = "Edits over characters and over words said, by the best path, without a language model."
    job.artifact("rates", Table, TableDoc(columns, table, caption), title="Error rates")


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


# Emissions ----------------------------------------------------------------------------------

ACROSS, UP, LEFT, TITLE = 10, 12, 40, 30
_LOW, _HIGH = np.array((20, 22, 26)), np.array((253, 231, 37))


def emissions(job: Job, one: Utterance, scores: NDArray[np.float32], model: CtcRecogniser) -> None:
    """The probability of every character at every frame of an utterance."""
    picture = drawn(scores, model.vocabulary, one.text)
    job.artifact("emissions", ImageGrid, picture.save,
                 title=f"How likely each character is, frames of {1000 * model.frame_s:.0f} ms")  # fmt: skip


def drawn(scores: NDArray[np.float32], vocabulary: Sequence[str], title: str) -> Image.Image:
    """Probabilities (T, V) as a picture: a row for each character, the blank below, brighter where more likely."""
    shares = np.exp(scores).T  # (V, T)
    order = [*range(1, len(vocabulary)), 0]
    shares = np.sqrt(np.clip(shares[order], 0, 1))[..., None]
    pixels = (_LOW + (_HIGH - _LOW) * shares).astype(np.uint8)
    field = Image.fromarray(np.repeat(np.repeat(pixels, UP, 0), ACROSS, 1))
    sheet = Image.new("RGB", (LEFT + field.width, TITLE + field.height), tuple(int(one) for one in _LOW))
    sheet.paste(field, (LEFT, TITLE))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    pen.text((LEFT, 5), title, fill=(225, 225, 225), font=ImageFont.load_default(18))
    for row, at in enumerate(order):
        name = {0: "blank", 1: "space"}.get(at, vocabulary[at])
        pen.text((LEFT - 4, TITLE + row * UP), name, fill=(200, 200, 200), font=font, anchor="ra")
    return sheet


# A sound with its words ----------------------------------------------------------------------


def words_of(scores: NDArray[np.float32], model: CtcRecogniser) -> list[Segment]:
    """Words of the best path from their first to their last character's frame, with the least sure one's share."""
    best, sure = scores.argmax(1), np.exp(scores.max(1))
    found: list[Segment] = []
    letters: list[tuple[int, str]] = []
    space = model.vocabulary.index(" ")
    for at in range(len(best) + 1):
        ended = at == len(best) or best[at] == space
        if ended and letters:
            first, last = letters[0][0], letters[-1][0]
            confidence = round(float(min(sure[place] for place, _ in letters)), 4)
            found.append(Segment(max(0.0, (first - 0.5) * model.frame_s), (last + 0.5) * model.frame_s,
                                 "".join(letter for _, letter in letters), confidence=confidence))  # fmt: skip
            letters = []
        elif not ended and best[at] and (at == 0 or best[at] != best[at - 1]):
            letters.append((at, model.vocabulary[best[at]]))
    return found


def listened(job: Job, one: Utterance, scores: NDArray[np.float32], model: CtcRecogniser) -> None:
    """A test utterance as sound, with the words that are heard in it."""
    if one.wave is None:
        return
    seconds = len(one.wave) / RATE_HZ
    wave = one.wave * np.float32(0.9 / max(float(np.abs(one.wave).max()), 0.9))
    meta = to_meta(SoundMeta(RATE_HZ, 1, len(wave), f"{one.text}, {one.speaker}"))
    heard = [Segment(each.start_s, min(each.end_s, seconds), each.text, confidence=each.confidence)
             for each in words_of(scores, model) if each.start_s < seconds]  # fmt: skip
    doc = TiersDoc([Tier("words heard", "words", heard)], seconds, one.text)
    path = job.folder / "artifacts" / "heard-test-utterance.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, wave)
    job.artifact("heard", Tiers, doc, title=f"A test utterance: {one.text}", meta=meta, parts={"audio": path})


def _write(path: Path, wave: NDArray[np.float32]) -> None:
    soundfile.write(path, wave, RATE_HZ, subtype="PCM_16")
