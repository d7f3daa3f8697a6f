"""A recipe: one paper's method, declared once."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from workbench.core.claim import Claim
from workbench.core.job import Job
from workbench.core.kinds import ArtifactKind, Slot
from workbench.core.params import Params
from workbench.core.problem import InputError, did_you_mean
from workbench.core.segmenting import ModelTold


@dataclasses.dataclass(frozen=True)
class Tab:
    """A modality: a place in the left rail."""

    name: str
    title: str
    icon: str


TEXT = Tab("text", "Text", "mdi6.format-text")
SPEECH = Tab("speech", "Speech", "mdi6.waveform")
MEDICAL = Tab("medical", "Medical", "mdi6.heart-pulse")
VIDEO = Tab("video", "Video", "mdi6.filmstrip")
SCENES = Tab("scenes", "3D", "mdi6.cube-outline")
IMAGES = Tab("images", "Images", "mdi6.image-outline")
LAB = Tab("lab", "Model lab", "mdi6.flask-outline")
TABS = (TEXT, SPEECH, MEDICAL, VIDEO, SCENES, IMAGES, LAB)


@dataclasses.dataclass(frozen=True)
class Paper:
    """Where a method comes from."""

    title: str
    year: int
    arxiv: str = ""
    idea: str = ""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The declaration as every part reads it; `id` is the folder's name."""

    run: Callable[[Job, Any], None]
    tab: Tab
    title: str
    paper: Paper
    reads: Mapping[str, Slot]
    writes: Mapping[str, ArtifactKind]
    presets: Mapping[str, Params]
    claim: Claim | None = None
    layout: tuple[tuple[str, ...], ...] = ()
    """Rows of `writes` slots as the tab should place them; empty: the tab decides."""
    version: int = 1

    @property
    def id(self) -> str:
        """The recipe's name on the command line and in run folders."""
        return self.run.__module__.split(".")[-2].replace("_", "-")

    @property
    def params(self) -> type[Params]:
        """The class that declares the knobs."""
        return type(self.preset("desk"))

    @property
    def help(self) -> str:
        """The help page's text: the docstring of run()."""
        return inspect.getdoc(self.run) or ""

    @property
    def apply(self) -> Callable[..., Any] | None:
        """apply(job, model, inputs) beside run(), when the recipe serves its models."""
        return getattr(inspect.getmodule(self.run), "apply", None)

    @property
    def told(self) -> Callable[[dict[str, Any]], ModelTold | None] | None:
        """told(card) beside run(), when the recipe's models segment cases: what a saved model reads."""
        return getattr(inspect.getmodule(self.run), "told", None)

    def preset(self, name: str) -> Params:
        """A preset by name; raises InputError that lists what exists."""
        if name not in self.presets:
            raise InputError(
                f"There is no preset {name!r}.",
                expected=", ".join(self.presets),
                received=name,
                fix=did_you_mean(name, self.presets),
                field="preset",
            )
        return self.presets[name]


def recipe(
    *,
    tab: Tab,
    title: str,
    paper: Paper,
    reads: Mapping[str, Slot],
    writes: Mapping[str, ArtifactKind],
    presets: Mapping[str, Params],
    claim: Claim | None = None,
    layout: tuple[tuple[str, ...], ...] = (),
    version: int = 1,
) -> Callable[[Callable[[Job, Any], None]], Recipe]:
    """Declare the function below as a recipe; it needs the presets smoke, desk and paper."""
    missing = {"smoke", "desk", "paper"} - set(presets)
    if missing:
        raise TypeError(f"A recipe needs the presets smoke, desk and paper. Missing: {sorted(missing)}")

    def declare(run: Callable[[Job, Any], None]) -> Recipe:
        return Recipe(run, tab, title, paper, reads, writes, presets, claim, layout, version)

    return declare
