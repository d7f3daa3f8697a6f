"""What a window may look at without a run: data, rows to label, backbones, devices."""

from __future__ import annotations

import inspect as introspection
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.core.documents import DataPreview, ExamplesPage, Span, SpannedText
from workbench.core.kinds import Slot
from workbench.core.params import check, values_of
from workbench.core.problem import InputError, did_you_mean
from workbench.core.recipe import Recipe
from workbench.recipes import recipe
from workbench.store.remembered import remembered
from workbench.worker import fields, medical, posed, slides, speech, video
from workbench.worker.films import INSPECTORS as FILMS
from workbench.worker.finepictures import INSPECTORS as FINE_PICTURES
from workbench.worker.questions import as_asked
from workbench.worker.sceneprocess import INSPECTORS as SCENE_PROCESS
from workbench.worker.scenes import INSPECTORS as SCENES
from workbench.worker.videolabels import INSPECTORS as FILM_LABELS

if TYPE_CHECKING:
    from workbench.engine.text.examples import Loaded, QuestionAnswer, TaggedSentence
    from workbench.engine.text.preview import Task
    from workbench.worker.interactive import ApplyContext

MOST_ROWS = 500


def inspect(what: str, arguments: Mapping[str, Any], context: ApplyContext) -> Any:
    """The document for one question.

    `data` {address, recipe, params, slot, seen} gives a DataPreview; `examples` (the same, offset,
    limit) an ExamplesPage; `backbones` a list of BackboneInfo; `backbone` {address} the one at that
    address, examined; `devices` a list of dicts; for medical images see worker/medical.py, for
    slides worker/slides.py, for sounds worker/speech.py, for videos worker/video.py, for labelled spans of videos
    worker/videolabels.py, for radiance fields worker/fields.py, for pictures without OpenGL worker/finepictures.py.
    Raises InputError for an unknown question, and whatever is wrong with the data or the backbone.
    """
    if what not in _INSPECTORS:
        raise InputError(
            f"Nothing here can look at {what!r}.",
            expected=", ".join(_INSPECTORS),
            received=what,
            fix=did_you_mean(what, _INSPECTORS),
        )
    return _INSPECTORS[what](dict(arguments), context)


class Asked(msgspec.Struct):
    """A slot of a recipe with an address and the knobs that matter to reading it.

    `seen` asks for the tokenizer's view, which may have to load one.
    """

    recipe: str
    slot: str = "data"
    address: str = ""
    params: dict[str, Any] = {}
    seen: bool = False
    offset: int = 0
    limit: int = 100

    @property
    def declared(self) -> Recipe:
        """The recipe's declaration."""
        return recipe(self.recipe)

    def place(self) -> Slot:
        """The slot's declaration; raises InputError when the recipe has none of this name."""
        reads = self.declared.reads
        if self.slot not in reads:
            raise InputError(
                f"The recipe has no input {self.slot!r}.",
                expected=", ".join(reads),
                received=self.slot,
                fix=did_you_mean(self.slot, reads),
                field=self.slot,
            )
        return reads[self.slot]

    def values(self) -> dict[str, Any]:
        """The knobs by name: the given ones over the desk preset's; faulty ones are left to the form."""
        params = self.declared.preset("desk")
        known = {name: value for name, value in self.params.items() if hasattr(params, name)}
        for name, value in known.items():
            try:
                params = check(type(params), {name: value}, base=params)
            except InputError:
                continue
        return values_of(params)

    def columns(self) -> dict[str, str]:
        """The chosen columns of this slot's table, by knob."""
        values = self.values()
        return {name: str(values.get(name, "")) for name in self.place().columns}


def _asked(arguments: Mapping[str, Any]) -> Asked:
    given = dict(arguments)
    given["address"] = given.get("address") or given.pop("path", "") or given.pop("sample", "")
    asked = as_asked(given, Asked)
    asked.address = asked.address or asked.place().default
    if not asked.address:
        raise InputError(
            "No data is chosen.", expected=asked.place().kind.help, received="nothing",
            fix="Drop a file here, or choose a sample.", field=asked.slot,
        )  # fmt: skip
    return asked


TASKS: dict[str, Task] = {
    "classification": "classify",
    "entities": "tag",
    "questions": "answer",
    "masked words": "plain",
}


def task_of(asked: Asked) -> Task:
    """How the recipe will read this slot: by its own word on the task, else by the slot's kind."""
    if asked.place().kind.name in ("punctuated-text", "tagged-text"):
        return "tag"
    return TASKS.get(str(asked.values().get("task", "")), "classify")


def _data(arguments: dict[str, Any], context: ApplyContext) -> DataPreview:
    from workbench.engine.text.preview import Seer, preview

    asked = _asked(arguments)
    own = getattr(introspection.getmodule(asked.declared.run), "preview", None)
    if own is not None:
        found: DataPreview = own(asked.slot, asked.address, asked.values())
        return found
    values = asked.values()
    backbone = str(values.get("backbone", ""))
    tokenizer = _tokenizer(backbone, context) if asked.seen and backbone else None
    length = int(values.get("max_length") or values.get("window") or 128)

    def look(task: Task) -> DataPreview:
        return preview(asked.address, task=task, chosen=asked.columns(), field=asked.slot, seer=Seer(tokenizer, length))

    try:
        return look(task_of(asked))
    except InputError:
        if asked.place().kind.name != "punctuated-text" or Path(asked.address).is_dir():
            raise
        return look("plain")


def _tokenizer(address: str, context: ApplyContext) -> Any:
    """The backbone's tokenizer; read from its JSON file alone where there is one, without torch."""
    from workbench.engine.backbone_folders import locate

    key = ("tokenizer", address)
    if key in context.cache:
        return context.cache[key]
    if not address.startswith("hub:") and (file := locate(address) / "tokenizer.json").is_file():
        found = _from_json(file)
    else:
        from workbench.engine.backbones import load_tokenizer

        found = load_tokenizer(address)
    context.cache[key] = found
    return found


def _from_json(file: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        found = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exceptions
        raise InputError(
            "The backbone's tokenizer cannot be read.",
            expected="a tokenizer.json of the tokenizers library",
            received=str(error)[:200],
            fix="Choose another backbone, or download this one again.",
            field="backbone",
            place=str(file),
        ) from None
    found.no_truncation()
    found.no_padding()
    return found


def _examples(arguments: dict[str, Any], context: ApplyContext) -> ExamplesPage:
    from workbench.engine.text.examples import QuestionAnswer, TaggedSentence

    asked = _asked(arguments)
    found = _loaded(asked, context)
    limit = min(max(asked.limit, 1), MOST_ROWS)
    offset = min(max(asked.offset, 0), max(len(found.examples) - 1, 0))
    page: Sequence[Any] = [found.examples[at] for at in range(offset, min(offset + limit, len(found.examples)))]
    total = len(found.examples)
    if isinstance(page[0], TaggedSentence):
        kinds = sorted({tag[2:] if tag[:2] in ("B-", "I-") else tag for tag in found.labels} - {"O"})
        words = [one.offsets for one in page]
        prefixed = any(tag[:2] in ("B-", "I-") for tag in found.labels)
        return ExamplesPage("spans", total, offset, kinds, [entities_of(one) for one in page], words, prefixed)
    if isinstance(page[0], QuestionAnswer):
        return ExamplesPage("answer", total, offset, ["answer"], [_answered(one) for one in page])
    texts = [SpannedText(one.text, [], title=one.label, note=one.split, source=one.source) for one in page]
    return ExamplesPage("class", total, offset, found.labels, texts)


def _loaded(asked: Asked, context: ApplyContext) -> Loaded[Any]:
    from workbench.engine.text.readers import read

    path, task = Path(asked.address), task_of(asked)
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    key = ("examples", asked.address, stamp, task, *sorted(asked.columns().items()))
    if key not in context.cache:
        context.cache[key] = read(asked.address, task=task, chosen=asked.columns(), field=asked.slot)
    loaded: Loaded[Any] = context.cache[key]
    return loaded


def entities_of(one: TaggedSentence) -> SpannedText:
    """A tagged sentence with its entities as spans; tags that are not BIO stand for one word each."""
    spans: list[Span] = []
    for (begin, end), tag in zip(one.offsets, one.tags, strict=True):
        kind = tag[2:] if tag[:2] in ("B-", "I-") else tag
        goes_on = tag.startswith("I-") and spans and spans[-1].label == kind and begin - spans[-1].end <= 1
        if goes_on:
            spans[-1].end = end
        elif tag != "O":
            spans.append(Span(begin, end, kind))
    return SpannedText(one.text, spans, note=one.split, source=one.source)


def _answered(one: QuestionAnswer) -> SpannedText:
    spans = [Span(start, start + len(text), "answer") for start, text in one.answers]
    return SpannedText(one.context, spans, title=one.question, note=one.split, source=one.source)


def _backbones(arguments: dict[str, Any], context: ApplyContext) -> list[Any]:
    from workbench.engine.backbone_folders import catalogue

    return list(catalogue([context.home.models], remembered(context.home)))


def _backbone(arguments: dict[str, Any], context: ApplyContext) -> Any:
    from workbench.engine.backbone_folders import examine

    return examine(str(arguments.get("address", "")), pickles=True)


def _devices(arguments: dict[str, Any], context: ApplyContext) -> list[Any]:
    from workbench.engine.devices import available

    return available()


Inspectors = Mapping[str, Callable[[dict[str, Any], "ApplyContext"], Any]]
TABLES: tuple[Inspectors, ...] = (
    {"data": _data, "examples": _examples, "backbones": _backbones, "backbone": _backbone, "devices": _devices},
    medical.INSPECTORS, slides.INSPECTORS, speech.INSPECTORS, FILMS, FILM_LABELS, video.INSPECTORS,
    SCENES, SCENE_PROCESS, FINE_PICTURES, posed.INSPECTORS, fields.INSPECTORS,
)  # fmt: skip
"""Each question has a name that no other table has."""
_INSPECTORS: Inspectors = {name: answer for table in TABLES for name, answer in table.items()}
