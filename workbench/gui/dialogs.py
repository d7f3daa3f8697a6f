"""Questions and pages in windows of their own; always opened, never executed."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from workbench.core.params import Knob, knobs
from workbench.core.recipe import Recipe
from workbench.gui.theme import theme, tokens
from workbench.gui.words import number


class HelpPage(QDialog):
    """A recipe's help: what it does, its inputs and its knobs, from the declaration."""

    def __init__(self, parent: QWidget, recipe: Recipe) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Help: {recipe.title}")
        self.resize(theme().pixels(720), theme().pixels(640))
        page = QTextBrowser()
        page.setOpenExternalLinks(True)
        page.setHtml(help_html(recipe))
        column = QVBoxLayout(self)
        column.addWidget(page)


def help_html(recipe: Recipe) -> str:
    """The help page of a recipe; texts are escaped."""
    say = html.escape
    paper = recipe.paper
    arxiv = f', <a href="https://arxiv.org/abs/{say(paper.arxiv)}">arXiv {say(paper.arxiv)}</a>' if paper.arxiv else ""
    parts = [
        f"<h2>{say(recipe.title)}</h2><p>{say(paper.title)}, {paper.year}{arxiv}</p>",
        _from_markdown(recipe.help),
        "<h3>Inputs</h3>",
        *[
            f"<p><b>{say(slot.title)}</b>: {say(slot.kind.help)}. {say(slot.help)}</p>"
            for slot in recipe.reads.values()
        ],
        "<h3>Knobs</h3><table cellspacing=6>",
        *[_knob_row(one) for one in knobs(recipe.params)],
        "</table>",
    ]
    return f"<style>a {{ color: {tokens().accent}; }}</style>" + "".join(parts)


def _from_markdown(text: str) -> str:
    """The docstring's emphasis and paragraphs, without the page's own frame."""
    document = QTextDocument()
    document.setMarkdown(text, QTextDocument.MarkdownFeature.MarkdownNoHTML)
    return document.toHtml().partition("<body")[2].partition(">")[2].partition("</body>")[0]


def _knob_row(one: Knob) -> str:
    say = html.escape
    default = number(one.default, 6) if isinstance(one.default, float) else str(one.default)
    return (
        f"<tr><td><code>{say(one.flag)}</code></td><td>{say(one.help)}<br>"
        f"<span style='color:{tokens().dim}'>{say(one.expected())}; normally {say(default)}</span></td></tr>"
    )


def help_page(parent: QWidget, recipe: Recipe) -> HelpPage:
    """Open a recipe's help."""
    page = HelpPage(parent, recipe)
    page.open()
    return page
