"""The try-it box: one text, answered by the untouched encoder and by the tuned model, both warm."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from workbench.core.documents import Answer, AnswersDoc, Span, SpannedText
from workbench.core.params import check
from workbench.core.problem import InputError, Problem
from workbench.engine import adapters, backbones, devices
from workbench.engine.text import attribution
from workbench.engine.text.baselines import AffixTagger, NgramClassifier, OverlapAnswerer
from workbench.engine.text.examples import QuestionAnswer, TaggedSentence
from workbench.engine.warm import warm

from . import common, entities, masked, questions
from .classical import decoded
from .classify import Probe
from .common import BaseHead, Study
from .recipe import BerturkNlu

MOST_SCORES = 10
_WORD = re.compile(r"\w+(?:['’\-]\w+)*|[^\w\s]")


def answer(context: Any, model: Path, inputs: dict[str, Any]) -> AnswersDoc:
    """Answers of every head of the model folder, the base before the tuned; raises InputError."""
    text = str(inputs.get("text", "")).strip()
    if not text:
        raise InputError(
            "There is no text to read.", expected="a sentence or a passage", received="nothing",
            fix="Type or paste a text.", field="text",
        )  # fmt: skip
    parts = [folder for folder in sorted(model.iterdir()) if (folder / "workbench.json").exists()] or [model]
    answers: list[Answer] = []
    for folder in parts:
        served = warm(context, "berturk-nlu", folder, functools.partial(Served, context, folder))
        if served.task == "questions" and len(parts) > 1 and not inputs.get("question"):
            continue
        named = f"{folder.name}: " if len(parts) > 1 else ""
        for one in served.answers(text, inputs):
            one.model = named + one.model
            answers.append(one)
    return AnswersDoc(answers)


class Served:
    """A model folder ready to answer: the tuned model, and the base where there is one."""

    def __init__(self, context: Any, folder: Path, card: dict[str, Any]) -> None:
        self.card, self.folder, self.task = card, folder, str(card["task"])
        self.p = check(BerturkNlu, card["config"]["params"])
        self.classical = bool(card.get("classical"))
        self.note = ""
        self.base: Any = None
        self.probe: Any = None
        """The base as a model with logits, for what needs gradients."""
        if self.classical:
            return
        self.model: Any
        self.model, tokenizer = adapters.load_model(folder)
        place = devices.choose(context.device)
        self.study = Study(context, self.p, place, tokenizer, folder)
        self.head = BaseHead.load(folder)
        self.labels: list[str] = card.get("labels", [])
        self.model.to(place.device)
        try:
            self.base = self._load_base()
            if self.base is not None and self.head is not None and self.task != "questions":
                probe = entities.WordProbe if self.task == "entities" else Probe
                self.probe = probe(self.base, self.head).to(place.device).eval()
        except Problem as problem:  # the tuned model answers without its backbone
            self.note = f"No base answer: {problem.what}"

    def _load_base(self) -> Any:
        if self.task == "masked words":
            loaded = None if self.p.model == "random init" else backbones.load_for(self.p.backbone, "masked")
        else:
            loaded = backbones.load_encoder(self.p.backbone) if self.head is not None else None
        return loaded.to(self.study.place.device).eval() if loaded is not None else None

    def answers(self, text: str, inputs: dict[str, Any]) -> Iterator[Answer]:
        """The base's answer where there is one, then the tuned one."""
        if self.classical:
            yield _timed("classical", lambda: _classical(self, text, inputs))
            return
        if self.base is not None:
            yield _timed("before tuning", lambda: self._answer(text, inputs, base=True))
        tuned = _timed("tuned", lambda: self._answer(text, inputs, base=False))
        tuned.note = tuned.note or self.note
        yield tuned

    @torch.inference_mode()
    def _answer(self, text: str, inputs: dict[str, Any], *, base: bool) -> Answer:
        match self.task:
            case "entities":
                return self._names(text, base=base, attribute=bool(inputs.get("attribute")))
            case "questions":
                return self._found(text, str(inputs.get("question", "")).strip(), base=base)
            case "masked words":
                return self._filled(text, base=base)
            case _:
                return self._classified(text, base=base, attribute=bool(inputs.get("attribute")))

    # ------------------------------------------------------------ one task each

    def _classified(self, text: str, *, base: bool, attribute: bool) -> Answer:
        model: nn.Module = self.probe if base else self.model
        encoded = self._encoded(text)
        logits = model(**encoded).logits[0].float().cpu().numpy()
        made = ranked(self.labels, common.softmax(logits))
        if len(encoded["input_ids"][0]) >= self.p.max_length:
            made.note = f"Only the first {self.p.max_length} word pieces were read."
        if attribute:
            made.attribution = self._weighed(model, text, int(logits.argmax()))
        return made

    def _encoded(self, text: str) -> dict[str, torch.Tensor]:
        encoded = self.study.tokenizer(
            self.study.fold(text), truncation=True, max_length=self.p.max_length, return_tensors="pt"
        )
        return {name: one.to(self.study.place.device) for name, one in encoded.items()}

    def _weighed(self, model: nn.Module, text: str, target: Any) -> SpannedText:
        with torch.inference_mode(mode=False):
            found = attribution.integrated_gradients(
                model, self.study.tokenizer, self.study.fold(text), target, max_length=self.p.max_length
            )
        found.text = text
        return found

    def _names(self, text: str, *, base: bool, attribute: bool) -> Answer:
        sentence = words_of(text)
        found = entities.read_words(self.base if base else self.model, self.study, [sentence.tokens])
        logits = self.head.logits(found.features[0]) if base and self.head else found.logits[0]
        chances = common.softmax(logits)
        tags = [self.labels[int(at)] for at in chances.argmax(-1)]
        spans = entities.spanned(sentence, tags, chances.max(-1))
        made = Answer("", _listed(sentence, tags), [(sentence.text[one.start : one.end], one.score) for one in spans])
        made.spans = SpannedText(sentence.text, spans)
        if attribute and spans:
            word = next(at for at, tag in enumerate(tags) if tag != "O")
            target = (sentence.offsets[word][0], self.labels.index(tags[word]))
            made.attribution = self._weighed(self.probe if base else self.model, sentence.text, target)
        return made

    def _found(self, text: str, question: str, *, base: bool) -> Answer:
        if not question:
            raise InputError(
                "There is no question.", expected="a question about the passage", received="nothing",
                fix="Type a question in the line above the passage.", field="question",
            )  # fmt: skip
        asked = QuestionAnswer(question, text)
        refuses = bool(self.card.get("may_refuse"))
        head = self.head if base else None
        found = questions.read(self.base if base else self.model, self.study, [asked], base=head, may_refuse=refuses)
        made = answered(asked, found.answers[0])
        made.attribution = questions.heat_of(found, asked)
        return made

    def _filled(self, text: str, *, base: bool) -> Answer:
        model, mask = (self.base if base else self.model), self.study.tokenizer.mask_token
        if mask not in text:
            filled = masked.fill(model, self.study, text)
            right = sum(span.label == gold.label for span, gold in zip(filled.spans, filled.gold, strict=True))
            return Answer("", f"{right} of {len(filled.spans)} hidden pieces guessed", spans=filled)
        encoded = self._encoded(text)
        place = int((encoded["input_ids"][0] == self.study.tokenizer.mask_token_id).nonzero()[0])
        chances = model(**encoded).logits[0, place].float().softmax(-1)
        best = chances.topk(MOST_SCORES)
        names = self.study.tokenizer.convert_ids_to_tokens(best.indices.tolist())
        scores = [(name, round(float(one), 4)) for name, one in zip(names, best.values.tolist(), strict=True)]
        return Answer("", scores[0][0], scores)


def _timed(name: str, work: Callable[[], Answer]) -> Answer:
    began = time.perf_counter()
    made = work()
    made.model, made.seconds = name, time.perf_counter() - began
    return made


def ranked(labels: list[str], chances: np.ndarray) -> Answer:
    """The likeliest class as headline, the others behind it."""
    order = np.argsort(-chances)
    scores = [(labels[int(at)], round(float(chances[at]), 4)) for at in order[:MOST_SCORES]]
    return Answer("", scores[0][0], scores)


def answered(asked: QuestionAnswer, found: Any) -> Answer:
    """The answer found as headline, marked in the passage."""
    spans = [Span(found.start, found.end, "answer", round(found.score, 4))] if found.text else []
    made = Answer("", found.text or questions.NOWHERE, [(found.text or questions.NOWHERE, round(found.score, 4))])
    made.spans = SpannedText(asked.context, spans, title=asked.question)
    return made


def words_of(text: str) -> TaggedSentence:
    """A text as words and marks; a case suffix behind an apostrophe stays with its word."""
    found = list(_WORD.finditer(text))
    ends = [one.start() for one in found[1:]] + [len(text)]
    spaces = tuple(end > one.end() for one, end in zip(found, ends, strict=True))
    return TaggedSentence(tuple(one.group() for one in found), ("O",) * len(found), spaces)


def _listed(sentence: TaggedSentence, tags: list[str]) -> str:
    found = entities.spans_of(tags)
    return ", ".join(f"{' '.join(sentence.tokens[a:b])} ({kind})" for kind, a, b in found) or "no names"


def _classical(served: Served, text: str, inputs: dict[str, Any]) -> Answer:
    if served.task == "questions":
        asked = QuestionAnswer(str(inputs.get("question", "")), text)
        said = OverlapAnswerer(language=str(served.card.get("language", "english"))).answer(asked.question, text)
        return answered(asked, decoded(said, text))
    if served.task == "entities":
        sentence = words_of(text)
        tags = AffixTagger.load(served.folder).predict([sentence.tokens])[0]
        made = Answer("", _listed(sentence, tags))
        made.spans = SpannedText(sentence.text, entities.spanned(sentence, tags))
        return made
    classes, chances = NgramClassifier.load(served.folder).probabilities([text])
    return ranked(classes, chances[0])
