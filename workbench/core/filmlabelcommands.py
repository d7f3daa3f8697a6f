"""What can be done with labelled spans of videos: a part of the table of commands."""

from __future__ import annotations

from workbench.core.command import Command

FILM_LABELS: tuple[Command, ...] = (
    Command("films.labels", "Labels", "Label stretches of the video; show or hide the panel", "Ctrl+Alt+L",
            "mdi6.label-multiple-outline"),
    Command("films.labels-open", "Open labels…", "Spans from CSV, ActivityNet, ELAN, BORIS, Kinetics and other files, "
            "beside those that are there", "Ctrl+Alt+P"),
    Command("films.labels-save", "Save labels as…", "Write the spans as CSV, ActivityNet, ELAN, BORIS and others",
            "Ctrl+Alt+E"),
    Command("films.labels-clips", "Spans as training data…", "Write a list of the labelled stretches of all listed "
            "videos, which recipes train on", "Ctrl+Alt+T"),
    Command("view.film.span-last", "Label again", "Label the stretch, or begin and end a span, with the label "
            "given last", "Return"),
    Command("view.film.span-label", "Another label…", "Give the marked span another label", "Shift+Return"),
    Command("view.film.span-split", "Split span", "Cut the marked span at the frame on screen", "S",
            "mdi6.content-cut"),
    Command("view.film.span-join", "Join spans", "Join the marked span with the next of its label", "M",
            "mdi6.table-merge-cells"),
    Command("view.film.span-delete", "Delete span", "Remove the marked span", "Del", "mdi6.delete-outline"),
    Command("view.film.span-next", "Next span", "Mark the next span of the label", "N"),
    Command("view.film.span-previous", "Previous span", "Mark the span of the label before", "P"),
    Command("view.film.span-loop", "Loop span", "Play the marked span again and again", "Shift+R"),
    Command("view.film.span-earlier", "Edge earlier", "Move the nearer edge of the marked span back by a frame", "["),
    Command("view.film.span-later", "Edge later", "Move the nearer edge of the marked span on by a frame", "]"),
    Command("view.film.span-earlier-ten", "Edge much earlier", "Back by ten frames", "Alt+["),
    Command("view.film.span-later-ten", "Edge much later", "On by ten frames", "Alt+]"),
    Command("view.film.span-back", "Span earlier", "Move the whole marked span back by a frame", "Ctrl+["),
    Command("view.film.span-on", "Span later", "Move the whole marked span on by a frame", "Ctrl+]"),
    Command("view.film.undo", "Undo", "Take the last edit of the spans back", "Ctrl+Z", "mdi6.undo"),
    Command("view.film.redo", "Redo", "Do the edit again", "Ctrl+Shift+Z", "mdi6.redo"),
)  # fmt: skip
