"""What can be done with the clips of a run (see commands)."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.core.command import Command, Place

CLIP_PLACES: Mapping[str, Place] = {
    "view.clips": Place(
        "Clips",
        "Clips of a run play together, again and again. A click or Return enlarges one, another click goes back. Arrow "
        "keys move among the clips, and through the frames of an enlarged one; Ctrl and the wheel change the size.",
        True,
    ),
}

CLIPS: tuple[Command, ...] = (
    Command("view.clips.play", "Play", "Play the clips, or hold them still", "Space", "mdi6.play-pause"),
    Command("view.clips.back", "Frame back", "Hold still, one frame earlier", "Left", "mdi6.skip-previous"),
    Command("view.clips.on", "Frame on", "Hold still, one frame later", "Right", "mdi6.skip-next"),
    Command("view.clips.first", "First frame", "Hold still at the first frame", "Home"),
    Command("view.clips.last", "Last frame", "Hold still at the last frame", "End"),
    Command("view.clips.slower", "Slower", "Play at a lower speed", ",", "mdi6.rewind"),
    Command("view.clips.faster", "Faster", "Play at a higher speed", ".", "mdi6.fast-forward"),
    Command("view.clips.enlarge", "Enlarge", "Show the clip large, frame by frame", "Return", "mdi6.arrow-expand-all"),
    Command("view.clips.close", "All clips", "From the enlarged clip back to all of them", "Esc", "mdi6.view-grid"),
    Command("view.clips.next", "Next clip", "Go to the next of the shown clips", "N", "mdi6.chevron-right"),
    Command("view.clips.previous", "Previous clip", "Go to the shown clip before", "P", "mdi6.chevron-left"),
    Command("view.clips.maps", "Show or hide maps", "Frames without the maps over them, and back", "H", "mdi6.eye"),
    Command("view.clips.fainter", "Fainter maps", "Let more of the frames through", "["),
    Command("view.clips.stronger", "Stronger maps", "Let less of the frames through", "]"),
    Command("view.clips.wrong", "Mistakes only", "Only clips that were taken for something else, and all again", "M"),
    Command("view.clips.order", "Next order", "As given, the surest first, or the least sure first", "S"),
    Command("view.clips.larger", "Larger clips", "Give each clip more room", "+; ="),
    Command("view.clips.smaller", "Smaller clips", "Give each clip less room", "-"),
    Command("view.clips.gif", "Save clip as GIF…", "Write the clip, with the maps that show, as a moving picture"),
    Command("view.clips.strip", "Save frames…", "Write the clip's frames side by side as PNG"),
)
