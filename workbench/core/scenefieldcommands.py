"""What can be done between runs and the scene: the part of the table of commands that joins the two."""

from __future__ import annotations

from workbench.core.command import Command

SCENE_FIELDS: tuple[Command, ...] = (
    Command("scenes.learn-field", "Learn a field", "Learn a radiance field from the chosen photographs, and see it "
            "grow in the scene; the run is a job like any other", "", "mdi6.school-outline"),
    Command("scenes.learn-field-with", "Learn a field with…", "Open the recipe for radiance fields with the chosen "
            "photographs in its form"),
    Command("scenes.learn-further", "Learn further", "Learn the chosen field as long again, in a run of its own; the "
            "field as it is stays, hidden", "", "mdi6.school-outline"),
    Command("scenes.find-boxes", "Find boxes and labels…", "Let a trained NeRF-MAE model find boxes and name voxels in "
            "the chosen radiance grid", "", "mdi6.cube-scan"),
    Command("view.to-scene", "Open in the scene", "Put this artifact of the run into the scene of the 3D page; the run "
            "stays as it is", "", "mdi6.cube-send"),
)  # fmt: skip
