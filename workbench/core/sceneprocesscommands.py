"""What can be done to things of a scene with operations that compute: a part of the table of commands."""

from __future__ import annotations

from workbench.core.command import Command

SCENE_PROCESSING: tuple[Command, ...] = (
    Command("scenes.process", "Process…", "Normals, thinning, planes, clusters, registration, surfaces and mended "
            "meshes; show or hide the panel", "Ctrl+Alt+R", "mdi6.creation-outline"),
    Command("scenes.process-preview", "Preview processing", "Try the operation on an even sample of the points; the "
            "scene stays as it is", "Ctrl+Alt+V"),
    Command("scenes.process-apply", "Process the whole", "Carry the operation out on all of it; what comes of it can "
            "be undone", "Ctrl+R"),
    Command("scenes.process-stop", "Stop processing", "End the operation; nothing of it is kept", "Ctrl+."),
    Command("scenes.process-before", "Before processing", "Show how it was before the operation; again, how it is now",
            "Ctrl+Alt+B"),
)  # fmt: skip
