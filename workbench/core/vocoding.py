"""What turns a synthesiser's mel frames into sound: the choices, and how one is written down."""

from __future__ import annotations

from typing import Literal

GRIFFIN_LIM: Literal["Griffin-Lim"] = "Griffin-Lim"
"""Phases are searched for; nothing was trained."""
TRAINED_HERE: Literal["trained here"] = "trained here"
"""The small HiFi-GAN that comes along. It fits the frames that it was trained with, and no others; it is fast, and it
loses the pitch: its card has the numbers."""
FOLDER: Literal["a folder"] = "a folder"
"""A SpeechT5HifiGan in Hugging Face format: a published one, or the model of a run of `hifi-gan`."""
CHOICES = (GRIFFIN_LIM, FOLDER)
"""What a panel offers to people who want to hear a voice; TRAINED_HERE joins when it sounds better than the first."""

Choice = Literal["Griffin-Lim", "trained here", "a folder"]


def asked(choice: str, folder: str = "") -> str:
    """What apply's `vocoder` is given for a choice: the folder's path for FOLDER, the choice itself otherwise.

    Without a path FOLDER stays as it is, and is refused by whoever opens it.
    """
    return folder.strip() or FOLDER if choice == FOLDER else choice
