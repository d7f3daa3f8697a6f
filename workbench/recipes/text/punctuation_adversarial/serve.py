"""Punctuating text with a saved model, warm after the first call."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.core.documents import Answer, AnswersDoc
from workbench.core.problem import InputError, Problem
from workbench.core.words import spaced
from workbench.engine.warm import warm

from . import show
from .readers import ENDS, MARKS, unpunctuate
from .windows import cut, stitch

MOST_WORDS = 20_000


@dataclasses.dataclass
class Restorer:
    """An encoder with a head for marks, ready to read words."""

    title: str
    tokenizer: Any
    encoder: Any
    head: Callable[[Any], Any]
    window: int
    device: str

    def restore(self, words: list[str], truth: list[str] | None, stop: Callable[[], bool]) -> Answer:
        """The words with marks and capitals; `truth` are the marks the text came with, if any."""
        import numpy as np
        import torch

        began = time.perf_counter()
        windows = cut(self.tokenizer, [word.lower() for word in words], length=self.window, overlap=True)
        found = []
        with torch.inference_mode():
            for at in range(0, len(windows), 32):
                if stop():
                    break
                ids, mask = (
                    torch.from_numpy(array[at : at + 32]).to(self.device) for array in (windows.ids, windows.mask)
                )
                features = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
                found.append(self.head(features).softmax(-1).float().cpu().numpy())
        probabilities = stitch(windows, np.concatenate(found), len(words))
        marks = [MARKS[place] for place in probabilities.argmax(-1)]
        spanned = show.punctuated(words, marks, probabilities.max(-1).tolist(), truth)
        counts = {mark: marks.count(mark) for mark in MARKS[1:]}
        return Answer(
            self.title,
            spanned.text,
            spans=spanned,
            seconds=time.perf_counter() - began,
            note=", ".join(f"{count} {mark.lower()}" for mark, count in counts.items() if count) or "no marks",
        )


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> AnswersDoc:
    """The base's and the trained model's punctuation of inputs['text'].

    Marks that the text came with are taken off first and shown as the true ones. Raises InputError
    on field 'text' when there are no words.
    """
    found = unpunctuate(str(inputs.get("text", "")))
    if not found:
        raise InputError(
            "There are no words to punctuate.", expected="some text", received="nothing",
            fix="Type or paste a passage.", field="text",
        )  # fmt: skip
    if len(found) > MOST_WORDS:
        raise InputError(
            "The text is too long to punctuate while you wait.", expected=f"at most {spaced(MOST_WORDS)} words",
            received=f"{spaced(len(found))} words", fix="Give it in parts.", field="text",
        )  # fmt: skip
    words = [_lowered(word, place, found) for place, (word, _) in enumerate(found)]
    truth = [mark for _, mark in found]
    shown = truth if any(mark != "O" for mark in truth) else None
    models = warm(job, "punctuation", folder, lambda card: _load(job, folder, card))
    return AnswersDoc([one.restore(words, shown, job.cancelled) for one in models])


def _lowered(word: str, place: int, found: list[tuple[str, str]]) -> str:
    """Capitals that only began a sentence go; others (names, abbreviations) stay as typed."""
    begins = place == 0 or found[place - 1][1] in ENDS
    return word[:1].lower() + word[1:] if begins and word[1:] == word[1:].lower() and word != "I" else word


def _load(job: Any, folder: Path, card: dict[str, Any]) -> list[Restorer]:
    from .method import load_base, load_tuned

    models = []
    try:
        models.append(load_base(folder, card, device=job.device))
    except Problem as problem:
        job.log(f"The base model cannot be shown beside: {problem.what}")
    models.append(load_tuned(folder, card, device=job.device))
    return models
