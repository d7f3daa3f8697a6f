"""The interactive lane's process: one question at a time, with models kept warm between them."""

from __future__ import annotations

import dataclasses
import functools
import logging
import queue
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from workbench.core.events import Apply, Inspect
from workbench.core.job import JobCancelled
from workbench.core.problem import InputError, KnownTrouble, record_of
from workbench.core.settings import OF_QUESTIONS, Settings, load, with_those
from workbench.recipes import recipe
from workbench.store import shedding
from workbench.store.home import Home
from workbench.worker.child import place, share_cores, warm_up
from workbench.worker.messages import Answer, Ask, Forget, Message, Order, Reached

WARM_OBJECTS = 8
TOLD_EVERY_S = 0.1
NOTHING = msgspec.Raw(b"null")
WARM_UP_AFTER_S = 1.5
"""How long the lane stays free for light questions before it loads the heavy libraries."""
SHED_AFTER_S = 5.0
"""How long nobody has asked anything before the caches of cases are brought below their limit."""

log = logging.getLogger("workbench.interactive")


class WarmCache(OrderedDict[Any, Any]):
    """Objects kept between questions; beyond the bound the one unused for longest goes."""

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        self.move_to_end(key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > WARM_OBJECTS:
            self.popitem(last=False)


@dataclasses.dataclass
class ApplyContext:
    """What a recipe's apply() and the inspectors are given in place of a job.

    `cache` outlives the question: keep loaded models there under a key that changes with their
    files. A long answer calls `progress` or asks `cancelled()` now and then.
    """

    device: str
    home: Home
    settings: Settings
    cache: dict[Any, Any]
    cancelled: Callable[[], bool] = lambda: False
    tell: Callable[[float, str, msgspec.Raw], None] = lambda fraction, words, partial: None
    _told_at: float = 0.0

    @property
    def precision(self) -> str:
        """The number format that the settings ask for."""
        return str(self.settings.precision)

    def log(self, message: str) -> None:
        """Add a line to the worker's log."""
        log.info("%s", message)

    def progress(self, done: int, of: int, words: str = "") -> None:
        """As a job's: how far a long answer is, and where it ends when nobody waits for it; raises JobCancelled.

        An `of` of 0 says nothing. Whoever waits is told ten times a second at most, and of the end.
        """
        if self.cancelled():
            raise JobCancelled
        now = time.monotonic()
        if of > 0 and (done >= of or now - self._told_at >= TOLD_EVERY_S):
            self._told_at = now
            self.tell(min(1.0, done / of), words, NOTHING)

    def partial(self, document: Any, done: int, of: int, words: str = "") -> None:
        """Show what there is of the answer: a document as the recipe and its view know it."""
        self._told_at = time.monotonic()
        self.tell(min(1.0, done / max(of, 1)), words, msgspec.Raw(msgspec.json.encode(document)))


class Reporting(Protocol):
    """The part of the pipes to the worker that this lane uses."""

    def report(self, message: Message) -> None:
        """Tell the worker."""

    def listen(self, obey: Callable[[Order], None]) -> None:
        """Obey orders on another thread."""


def serve(home: Home, line: Reporting) -> None:
    """Answer questions until the worker goes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s interactive %(message)s")
    questions, forgotten = queue.SimpleQueue[Ask](), set[int]()

    def obey(order: Order) -> None:
        if isinstance(order, Ask):
            questions.put(order)
        elif isinstance(order, Forget):
            forgotten.add(order.number)

    line.listen(obey)
    cache = WarmCache()
    warm = shed = False
    while True:
        try:
            asked = questions.get(timeout=WARM_UP_AFTER_S if not warm else SHED_AFTER_S if not shed else None)
        except queue.Empty:
            if not warm:
                warm_up("interactive")
            else:
                _shed(home)
                shed = True
            warm = True
            continue
        shed = False
        line.report(answer(asked, home, cache, functools.partial(_is_in, forgotten, asked.number), line.report))
        forgotten.discard(asked.number)


def _shed(home: Home) -> None:
    found = shedding.shed(home, load(home.settings).settings.cases_cache * shedding.GB)
    if found.files:
        log.info("%d files of the caches of cases went, %.1f GB.", found.files, found.freed_bytes / shedding.GB)


def _is_in(forgotten: set[int], number: int) -> bool:
    return number in forgotten


def answer(
    asked: Ask,
    home: Home,
    cache: dict[Any, Any],
    cancelled: Callable[[], bool],
    report: Callable[[Message], None] = lambda message: None,
) -> Answer:
    """The answer to one question, a problem included; never raises. `report` takes Reached messages before it."""

    def tell(fraction: float, words: str, partial: msgspec.Raw) -> None:
        report(Reached(number=asked.number, fraction=fraction, words=words, partial=partial))

    try:
        document = _work_out(asked.request, home, cache, cancelled, tell)
        result = document if isinstance(document, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(document))
        return Answer(number=asked.number, result=result)
    except JobCancelled:
        return Answer(number=asked.number, forgotten=True,
                      problem=KnownTrouble("The question was abandoned.").record())  # fmt: skip
    except BaseException as error:
        log.info("%s", error, exc_info=not isinstance(error, InputError))
        return Answer(number=asked.number, problem=record_of(error))


def _work_out(
    request: Apply | Inspect,
    home: Home,
    cache: dict[Any, Any],
    cancelled: Callable[[], bool],
    tell: Callable[[float, str, msgspec.Raw], None],
) -> Any:
    settings: Settings = with_those(load(home.settings).settings, request.settings, OF_QUESTIONS)
    if isinstance(request, Inspect):
        from workbench.worker.inspectors import inspect

        context = ApplyContext(settings.device, home, settings, cache, cancelled, tell)
        return inspect(request.what, request.arguments, context)
    share_cores("interactive")
    context = ApplyContext(place(request.device, settings.device), home, settings, cache, cancelled, tell)
    declared = recipe(request.recipe)
    if declared.apply is None:
        raise InputError(
            f"The recipe {request.recipe} does not serve its models.", expected="a recipe with apply()",
            received=request.recipe, fix="Pick a recipe whose tab has a try-it box.", field="recipe",
        )  # fmt: skip
    return declared.apply(context, model_folder(Path(request.model)), request.inputs)


def model_folder(path: Path) -> Path:
    """The model's folder: the path itself, or `model` in a run folder.

    Raises InputError when there is no finished model.
    """
    folder = path / "model" if (path / "run.json").exists() else path
    if (folder / "workbench.json").exists():
        return folder
    raise InputError(
        "There is no model here yet.", expected=f"a model card at {folder / 'workbench.json'}",
        received="an unfinished run" if folder != path else "no such file",
        fix="Wait for the run to finish, or stop it with 'Stop and keep'.", field="model", place=str(path),
    )  # fmt: skip
