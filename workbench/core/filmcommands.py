"""What can be done with videos: the part of the table of commands that the page of videos is made from."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.core.command import Command, Place

FILM_PLACES: Mapping[str, Place] = {
    "films": Place(
        "Videos",
        "Video files, folders of pictures and cameras are played and stepped through frame by frame. The in and the "
        "out point choose a stretch that is looped, labelled, recognised, or written as a video of its own. "
        "Labels are spans on tracks below the timeline; the first nine have number keys, and they are read and "
        "written as CSV, ActivityNet, ELAN, BORIS and other files. Recognise lets a model say what happens when, in a "
        "file or live: its probabilities stand below the timeline, its spans become labels, and labels train a model. "
        "Find in a folder ranks videos by what they show, asked in words.",
    ),
    "view.film": Place(
        "Videos",
        "J plays backwards, K stops, L plays; pressed again they go faster. The arrow keys step by a frame, with Shift "
        "by ten. The wheel magnifies the picture, or, on the timeline, the time under the pointer; with Shift it "
        "shifts the time. A drag on the timeline goes through the frames, with Shift it chooses a stretch. On a track "
        "of labels a drag draws a span, moves it, or moves its edge, which snaps to frames and to what is near; a "
        "double click on a span loops it. A double click on the probabilities chooses the recognised stretch.",
        True,
    ),
}

FILMS: tuple[Command, ...] = (
    Command("films.file", "Files…", "Choose video files", "Ctrl+Alt+O"),
    Command("films.folder", "Folder…", "Choose a folder of videos, or of single pictures that make one",
            "Ctrl+Shift+O"),
    Command("films.sample", "Sample video", "Shapes that move on a ground of blocks; no file is needed"),
    Command("films.camera", "Camera…", "See a camera live, or a video looped in the place of one", "Ctrl+Alt+M",
            "mdi6.webcam"),
    Command("films.live-start", "Start the camera", "Show the chosen camera live", "Ctrl+Alt+N"),
    Command("films.live-file", "Loop a video…", "See a video file, again and again, in the place of a camera",
            "Ctrl+Alt+V"),
    Command("films.live-stop", "Stop and keep", "End the live view; its last 30 seconds are a film to step through",
            "Ctrl+Alt+K"),
    Command("films.live-leave", "Leave the camera", "End the live view, and keep nothing of it", "Ctrl+Alt+Q"),
    Command("films.export", "Export…", "Write the stretch between in and out point, or the whole video, as MP4",
            "Ctrl+Shift+X", "mdi6.export-variant"),
    Command("films.facts", "What the file says", "Size, codec, rate, bits and notes; show or hide the panel",
            "Ctrl+Alt+I", "mdi6.information-outline"),
    Command("films.rate", "Pictures per second…", "How fast a folder of single pictures is played", "Ctrl+Alt+U"),
    Command("films.next", "Next video", "Open the next video of the list", "Ctrl+PgDown"),
    Command("films.previous", "Previous video", "Open the video before it in the list", "Ctrl+PgUp"),
    Command("films.close", "Close videos", "Back to the start", "Ctrl+W"),
    Command("view.film.play", "Play", "Play from the frame on screen; halt", "Space", "mdi6.play-pause"),
    Command("view.film.backward", "Play backwards", "Backwards; pressed again, faster: 2, 4, 8 times", "J",
            "mdi6.step-backward-2"),
    Command("view.film.stop", "Stop", "Halt at the frame on screen", "K"),
    Command("view.film.forward", "Play forwards", "Forwards; pressed again, faster: 2, 4, 8 times", "L",
            "mdi6.step-forward-2"),
    Command("view.film.previous", "Frame back", "The frame before", "Left", "mdi6.skip-previous-outline"),
    Command("view.film.next", "Frame on", "The next frame", "Right", "mdi6.skip-next-outline"),
    Command("view.film.back", "Step back", "Back by as many frames as a step has", "Shift+Left"),
    Command("view.film.on", "Step on", "On by as many frames as a step has", "Shift+Right"),
    Command("view.film.step", "Frames of a step…", "How many frames Shift and an arrow key go", "Ctrl+Alt+G"),
    Command("view.film.first", "First frame", "Go to the first frame", "Home"),
    Command("view.film.last", "Last frame", "Go to the last frame", "End"),
    Command("view.film.go", "Go to frame or time…", "A frame's number, or a time such as 1:02.5", "G",
            "mdi6.target"),
    Command("view.film.in", "In point", "The stretch begins with the frame on screen", "I",
            "mdi6.contain-start"),
    Command("view.film.out", "Out point", "The stretch ends with the frame on screen", "O", "mdi6.contain-end"),
    Command("view.film.none", "No in and out point", "Let go of the stretch", "Esc"),
    Command("view.film.loop", "Loop", "Play the stretch, or everything, again and again", "R", "mdi6.repeat"),
    Command("view.film.slower", "Slower", "Play slower", ","),
    Command("view.film.faster", "Faster", "Play faster", "."),
    Command("view.film.closer", "Magnify time", "Less time in view, around the frame on screen", "+; =",
            "mdi6.magnify-plus-outline"),
    Command("view.film.farther", "Take time smaller", "More time in view", "-", "mdi6.magnify-minus-outline"),
    Command("view.film.fit", "Show all of the time", "The whole video on the timeline", "Z",
            "mdi6.arrow-expand-horizontal"),
    Command("view.film.selection", "Show the stretch", "The stretch between in and out point fills the timeline",
            "Shift+Z", "mdi6.arrow-expand"),
    Command("view.film.earlier", "Half a view back", "Shift the timeline to the left", "PgUp"),
    Command("view.film.later", "Half a view on", "Shift the timeline to the right", "PgDown"),
    Command("view.film.larger", "Magnify the picture", "Larger about its middle", "Alt++; Alt+="),
    Command("view.film.smaller", "Take the picture smaller", "Smaller about its middle", "Alt+-"),
    Command("view.film.whole", "Whole picture", "All of the picture, as large as there is room", "Alt+0",
            "mdi6.fit-to-screen-outline"),
    Command("view.film.copy", "Copy frame", "Put the frame on screen on the clipboard, at its own size",
            "Ctrl+Alt+C"),
    Command("view.film.save", "Save frame…", "Write the frame on screen as a PNG, at its own size", "Ctrl+Alt+S"),
)  # fmt: skip
