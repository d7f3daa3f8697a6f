"""What can be done on the page of videos with models that name what happens: a part of the table of commands."""

from __future__ import annotations

from workbench.core.command import Command

RECOGNISING: tuple[Command, ...] = (
    Command("films.recognise", "Recognise…", "Let a model say what happens when; show or hide the panel", "Ctrl+G",
            "mdi6.chart-areaspline"),
    Command("films.recognise-run", "Recognise this video", "Score every window of the video, or what the camera shows",
            "Ctrl+R"),
    Command("films.recognise-stop", "Stop recognising", "End the work; what was recognised until then stays", "Ctrl+."),
    Command("films.recognise-look", "Show where it looks", "Lay over the frame what the model looks at",
            "Ctrl+Alt+W"),
    Command("films.recognise-span", "Label this span", "Make a labelled span of the stretch between in and out point, "
            "or of the recognised one on screen", "Ctrl+Alt+R"),
    Command("films.recognise-spans", "Label all spans", "Make labelled spans of every stretch above the threshold"),
    Command("films.recognise-train", "Train on labels…", "Write the labelled spans as clips and open the recipe that "
            "learns from them; nothing is started"),
    Command("films.find", "Find in a folder…", "Videos of a folder by what they show, in words; show or hide the panel",
            "Ctrl+Alt+F", "mdi6.movie-search-outline"),
    Command("films.find-index", "Look through the folder", "Compute the features of its videos that are not there yet"),
    Command("films.find-stop", "Stop looking through", "What is computed stays; it goes on from there another time"),
)  # fmt: skip
