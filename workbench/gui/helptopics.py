"""What the help says, all of it made from declarations: recipes, views, pages, settings, keys, command line."""

from __future__ import annotations

import dataclasses
import functools
import html
from collections.abc import Callable, Iterable, Iterator, Mapping

from PySide6.QtGui import QTextDocument

from workbench.core.commands import FIXED, PLACES, Command, place_of
from workbench.core.kinds import KINDS, ArtifactKind
from workbench.core.params import Knob, knobs
from workbench.core.recipe import Recipe
from workbench.core.settings import Settings, variable
from workbench.core.words import in_words, number
from workbench.gui.actions import key_words, keymap
from workbench.gui.theme import tokens
from workbench.gui.views import drawable

COMMANDS_HELP = Callable[[], Mapping[str, str]]
PAGES = ("home", "recipe", "cases", "sounds", "films", "scenes", "runs", "models", "settings")
say = html.escape


@dataclasses.dataclass(frozen=True)
class Topic:
    """A page of the help; `body` makes its HTML when somebody wants to read it."""

    name: str
    title: str
    section: str
    body: Callable[[], str]


def topics(recipes: Iterable[Recipe], command_line: COMMANDS_HELP | None = None) -> dict[str, Topic]:
    """Every page of the help by name ('recipe:berturk-nlu', 'view:confusion', 'page:runs', 'settings', 'keys')."""
    found = [*_pages(), *_recipes(recipes), *_views(), *_surroundings(), *_commands(command_line)]
    return {one.name: one for one in found}


def _pages() -> Iterator[Topic]:
    for name in PAGES:
        yield Topic(f"page:{name}", f"{PLACES[name].title} page", "Pages", functools.partial(page_html, name))


def _recipes(recipes: Iterable[Recipe]) -> Iterator[Topic]:
    for one in recipes:
        yield Topic(f"recipe:{one.id}", one.title, f"Recipes: {one.tab.title}", functools.partial(recipe_html, one))


def _views() -> Iterator[Topic]:
    for kind in KINDS.values():
        if drawable(kind.name):
            title = in_words(kind.name)
            yield Topic(f"view:{kind.name}", title, "Views", functools.partial(view_html, kind))


def _surroundings() -> Iterator[Topic]:
    yield Topic("settings", "Settings", "Program", settings_html)
    yield Topic("keys", "Keys", "Program", keys_html)


def _commands(command_line: COMMANDS_HELP | None) -> Iterator[Topic]:
    if command_line is not None:
        for name, text in command_line().items():
            yield Topic(f"command:{name}", name, "Command line", functools.partial(_verbatim, text))


def _verbatim(text: str) -> str:
    return f"<pre>{say(text)}</pre>"


def recipe_html(recipe: Recipe) -> str:
    """What a recipe does, reads, writes and claims, and every knob."""
    paper = recipe.paper
    arxiv = f', <a href="https://arxiv.org/abs/{say(paper.arxiv)}">arXiv {say(paper.arxiv)}</a>' if paper.arxiv else ""
    slots = [f"<p><b>{say(one.title)}</b>: {say(one.kind.help)}. {say(one.help)}</p>" for one in recipe.reads.values()]
    return "".join([
        f"<h2>{say(recipe.title)}</h2><p>{say(paper.title)}, {paper.year}{arxiv}</p>",
        f"<p>{say(paper.idea)}</p>" if paper.idea else "",
        _from_markdown(recipe.help),
        "<h3>Inputs</h3>", *slots,
        "<h3>Knobs</h3>", _table(_knob_row(one) for one in knobs(recipe.params)),
        "<h3>What a run shows</h3>", _table(_slot_row(name, kind) for name, kind in recipe.writes.items()),
        *_claim(recipe),
    ])  # fmt: skip


def _claim(recipe: Recipe) -> list[str]:
    if recipe.claim is None:
        return []
    arms = f"<p>Arms: {say(', '.join(recipe.claim.arms))}; all on the same data, budget and seeds.</p>"
    told = [f"<li>{say(one.text)}</li>" for one in recipe.claim.statements]
    return ["<h3>The claim</h3>", arms, "<ul>", *told, "</ul>"]


def view_html(kind: ArtifactKind) -> str:
    """What a kind of view shows, and its keys."""
    own = {
        "audio": "view.sound", "tiers": "view.sound", "curve": "view.curve", "spans": "view.spans",
        "embedding": "view.map", "table": "view.table", "clips": "view.clips",
        "clip": "view.film",
    }  # fmt: skip
    places = ["view"] + ([own[kind.name]] if kind.name in own else [])
    shown = f"<h2>{say(in_words(kind.name))}</h2><p>Shows {say(kind.help)}.</p>"
    file = ", ".join(filter(None, (kind.suffix, kind.file)))
    return shown + (f"<p>{_dim(f'In the folder of a run: {file}.')}</p>" if file else "") + _keys_of(places)


def page_html(name: str) -> str:
    """What a page is for, and the keys that work on it."""
    place = PLACES[name]
    return f"<h2>{say(place.title)}</h2><p>{say(place.help)}</p>" + _keys_of([name, "window", "go"])


def settings_html() -> str:
    """Every setting with its bounds, its default and its name in the environment."""
    parts = ["<h2>Settings</h2><p>", say(PLACES["settings"].help), "</p>"]
    sections = dict.fromkeys(one.section for one in knobs(Settings))
    for section in sections:
        rows = (_setting_row(one) for one in knobs(Settings) if one.section == section)
        parts += [f"<h3>{say(section)}</h3>", _table(rows)]
    return "".join(parts)


def keys_html() -> str:
    """Every action of the program with its key, by where it is at hand, and the keys that stay as they are."""
    fixed = (f"<tr><td><b>{say(key)}</b></td><td>{say(what)}</td></tr>" for key, what in FIXED.items())
    places = list(dict.fromkeys(one.place for one in keymap().commands()))
    return "<h2>Keys</h2>" + _keys_of(places) + "<h3>Fixed keys</h3>" + _table(fixed)


def _keys_of(places: Iterable[str]) -> str:
    titles: dict[str, list[Command]] = {}
    for place in places:
        titles.setdefault(place_of(place).title, []).extend(one for one in keymap().commands() if one.place == place)
    rows = {title: [_command_row(one) for one in some] for title, some in titles.items() if some}
    return "".join(f"<h3>{say(title)}</h3>{_table(some)}" for title, some in rows.items())


def _command_row(one: Command) -> str:
    key = key_words(keymap().key(one.id))
    return f"<tr><td>{say(one.text)}</td><td><b>{say(key)}</b></td><td>{_dim(one.tip)}</td></tr>"


def _knob_row(one: Knob) -> str:
    return f"<tr><td><code>{say(one.flag)}</code></td><td>{say(one.help)}<br>{_dim(_bounds(one))}</td></tr>"


def _setting_row(one: Knob) -> str:
    spelled = f"{variable(one.name)}, or --set {one.name}=…"
    return (
        f"<tr><td>{say(one.title)}</td><td>{say(one.help)}<br>{_dim(_bounds(one))}<br>"
        f"{_dim(spelled)}</td></tr>"
    )  # fmt: skip


def _slot_row(name: str, kind: ArtifactKind) -> str:
    shown = f'<a href="topic:view:{say(kind.name)}">{say(in_words(kind.name))}</a>' if drawable(kind.name) else ""
    return f"<tr><td>{say(in_words(name))}</td><td>{shown or say(kind.name)}</td><td>{_dim(kind.help)}</td></tr>"


def _bounds(one: Knob) -> str:
    default = number(one.default, 6) if isinstance(one.default, float) else str(one.default)
    spelled = {"True": "true", "False": "false", "": "empty"}.get(default, default)
    only = " and ".join(f"{name} is {' or '.join(map(str, allowed))}" for name, allowed in one.when.items())
    return f"{one.expected()}; normally {spelled}" + (f"; only where {only}" if only else "")


def _table(rows: Iterable[str]) -> str:
    return "<table cellspacing=6>" + "".join(rows) + "</table>"


def _dim(text: str) -> str:
    return f"<span style='color:{tokens().dim}'>{say(text)}</span>"


def _from_markdown(text: str) -> str:
    """The docstring's emphasis and paragraphs, without the page's own frame."""
    document = QTextDocument()
    document.setMarkdown(text, QTextDocument.MarkdownFeature.MarkdownNoHTML)
    return document.toHtml().partition("<body")[2].partition(">")[2].partition("</body>")[0]
