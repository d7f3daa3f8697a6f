"""What the window can do: every action's name, explanation and delivered key, declared once.

Buttons, menus, the command palette, the keys page and the help are made from this table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an action is at hand; inside an `inner` place its keys go before those of the page around it."""

    title: str
    help: str
    inner: bool = False


@dataclasses.dataclass(frozen=True)
class Command:
    """An action: its id is '<place>.<name>' and never changes, since people's own keys are kept under it."""

    id: str
    text: str
    tip: str
    key: str = ""
    """Delivered keys in Qt's portable spelling; several are separated by '; '."""
    picture: str = ""

    @property
    def place(self) -> str:
        """The id of the place where the action is at hand."""
        return self.id.rpartition(".")[0]


PLACES: Mapping[str, Place] = {
    "window": Place("Everywhere", "Actions of the window; they work on every page."),
    "go": Place("Everywhere", "The entries of the left rail, from the top; the first nine have Ctrl and a digit."),
    "recipes": Place("Everywhere", "Opens a recipe, or runs its desk preset on sample data."),
    "home": Place("Home", "A card for every recipe, the runs of late, and where everything is kept."),
    "recipe": Place(
        "Recipe",
        "One recipe's place: data and knobs at the left, views in the middle, curves and log at the right. "
        "Run trains with the values of the form; the slider under the views goes through everything the run has shown.",
    ),
    "runs": Place("Runs", "The history of all runs: found again, opened, continued, or taken as a start."),
    "models": Place("Models", "What a recipe can start from, and the models that runs have made."),
    "cases": Place(
        "Cases",
        "A case is a DICOM folder or an image file. It is shown in three linked planes, its labels are corrected and "
        "saved by themselves, and written as NIfTI, NRRD, MHA, DICOM SEG, surfaces or a table. "
        "A whole slide is opened in a viewer of its own. Research use only: this is not a medical device.",
    ),
    "sounds": Place(
        "Sounds",
        "Sound files are seen as waveform and spectrogram, heard, recorded and annotated. Tiers of segments, words or "
        "phones lie below the sound, are saved by themselves, and are written as TextGrid, SRT, VTT, RTTM, CTM or "
        "JSON. A model writes down what is said; what is corrected becomes training data when that is asked for. "
        "Voices that are enrolled from seconds of speech, or that nobody has, say a text.",
    ),
    "settings": Place("Settings", "What is set once for all recipes. Every change is checked, saved and told at once."),
    "labels": Place("Labelling", "Labels and spans are corrected example by example and saved by themselves.", True),
    "examples": Place("List of examples", "The examples behind a cell, a point or a selection.", True),
    "ask": Place("Try it", "Puts a text of one's own to the trained model and to the model it started from.", True),
    "view": Place("Any view", "Works in the view that has the focus.", True),
    "view.curve": Place("Curves", "Works in the chart that has the focus.", True),
    "view.spans": Place("Texts with spans", "Works in the view that has the focus.", True),
    "view.map": Place("Embedding map", "Works in the map that has the focus.", True),
    "view.volume": Place(
        "Volumes",
        "Three linked planes of a volume. The wheel changes the slice, with Ctrl it magnifies; the middle button "
        "shifts, the right button sets window and level. Arrow keys change the slice, with Ctrl they move the "
        "crosshair, with Alt they set level (up, down) and width; Shift makes the step larger. Plus and minus magnify; "
        "Return paints, grows or measures at the crosshair. Labels are painted on a copy that is saved by itself.",
        True,
    ),
    "view.slide": Place(
        "Whole slides",
        "A slide is read tile by tile, coarse first. Drag shifts it, the wheel magnifies about the pointer, a click on "
        "the small map goes there. Scores of tiles lie over it as colours.",
        True,
    ),
    "view.volume.review": Place(
        "Review of cases",
        "A case of the worklist is signed from its planes. Every deed stands in a log that only grows; "
        "signing never trains a model.",
        True,
    ),
    "view.sound": Place(
        "Sounds",
        "The wheel magnifies about the pointer, with Shift it shifts, with Ctrl it magnifies the height; the middle "
        "button shifts. A drag selects, a click sets the cursor. The arrow keys move the cursor by a pixel, with Alt "
        "by a sample, with Shift they select. In a tier a click marks a segment, a double click edits its text, and "
        "its boundaries can be dragged.",
        True,
    ),
    "view.table": Place("Tables", "Works in the table that has the focus.", True),
    "view.clips": Place(
        "Clips",
        "Clips of a run play together, again and again. A click or Return enlarges one, another click goes back. Arrow "
        "keys move among the clips, and through the frames of an enlarged one; Ctrl and the wheel change the size.",
        True,
    ),
}

COMMANDS: tuple[Command, ...] = (
    Command("window.palette", "Command palette", "Find every command, recipe, run and setting by its name", "Ctrl+K"),
    Command("window.doctor", "Doctor", "What this machine offers and lacks, each lack with its fix"),
    Command("window.compare", "Compare runs…", "Lay runs side by side: curves, knobs, numbers and pictures"),
    Command("window.case", "Open a case…", "A DICOM folder or an image file, a case of late, or the sample", "Ctrl+O"),
    Command("window.jobs", "Job panel", "Show or hide what runs and what waits", "Ctrl+J"),
    Command("window.theme", "Switch between dark and light", "Change the colours of the window", "Ctrl+Shift+L"),
    Command("window.help", "Help on this", "Explain what has the focus: a knob, a view, a recipe, a page", "F1"),
    Command("window.contents", "Help: contents", "Everything that is explained, with a search", "Shift+F1"),
    Command("window.tour", "Show the tour", "Four steps through the window"),
    Command("window.fullscreen", "Full screen", "Fill the screen, or leave it again", "F11"),
    Command("window.close", "Close the window", "Close; while something runs, ask whether it goes on", "Ctrl+Q"),
    Command("window.larger", "Larger text", "Scale text and controls up by a step", "Ctrl++; Ctrl+="),
    Command("window.smaller", "Smaller text", "Scale text and controls down by a step", "Ctrl+-"),
    Command("window.natural", "Text at 100 %", "Text and controls as delivered", "Ctrl+0"),
    Command("settings.find", "Find a setting", "Go to the search of the settings", "Ctrl+F"),
    Command("settings.folder", "Open the data folder", "Show runs, models and settings in the file manager"),
    Command("settings.path", "Copy the data folder's path", "Put the path of the data folder on the clipboard"),
    Command("settings.defaults", "Back to defaults", "Set every setting as it was delivered; keys stay"),
    Command("cases.file", "File…", "Choose a NIfTI, NRRD, MHA, DICOM or slide file", "Ctrl+Alt+O"),
    Command("cases.folder", "Folder…", "Choose the folder of a DICOM series, or of several volumes", "Ctrl+Shift+O"),
    Command("cases.sample", "Sample case", "A phantom head in three MR sequences with labels; no file is needed"),
    Command("cases.slide", "Sample slide", "A drawn slide of stained tissue; no file is needed"),
    Command("cases.series", "Series…", "Choose other series of this case", "Ctrl+E"),
    Command("cases.labels", "Add labels…", "Lay a label file over the images, brought onto their grid", "Ctrl+Shift+A"),
    Command("cases.new", "New labels", "Begin with empty labels; those shown now are kept", "Ctrl+Shift+N"),
    Command("cases.export", "Export…", "Write the labels to files for other programs", "Ctrl+Shift+X",
            "mdi6.export-variant"),
    Command("cases.deidentify", "De-identified copy…", "Copy the DICOM files without what tells whom they show"),
    Command("cases.worklist", "Worklist", "Show or hide the list of cases to review, and go to it", "Ctrl+Shift+W"),
    Command("cases.add", "Add to worklist…", "Put every case below a folder on the worklist", "Ctrl+Shift+F"),
    Command("cases.compare", "Compare labels…", "The model's with the corrected ones, or reader with reader",
            "Ctrl+Shift+M"),
    Command("cases.log", "Audit log…", "Who did what to which case when, and whether the log is whole", "Ctrl+Shift+G"),
    Command("cases.segment", "Segment…", "Let a trained model outline the case; show or hide the panel", "Ctrl+G"),
    Command("cases.segment-run", "Run the model", "Segment the case that is open with the chosen model", "Ctrl+R"),
    Command("cases.segment-stop", "Stop the model", "End the work on this segmentation", "Ctrl+."),
    Command("cases.uncertainty", "Uncertainty", "Lay over the images how undecided the model is", "Ctrl+U"),
    Command("cases.probability", "Next probability", "Lay the next label's probability over the images",
            "Ctrl+Shift+U"),
    Command("cases.unsure-next", "Next uncertain slice", "Go to the next slice of the list of doubts", "Ctrl+PgDown"),
    Command("cases.unsure-previous", "Previous uncertain slice", "Go to the slice before it in the list", "Ctrl+PgUp"),
    Command("cases.finetune", "Fine-tune on the corrections…", "Train a further model on the cases that were signed"),
    Command("cases.close", "Close case", "Back to the start; labels are kept with their edits", "Ctrl+W"),
    Command("sounds.file", "Files…", "Choose sound or video files", "Ctrl+Alt+O"),
    Command("sounds.folder", "Folder…", "Choose a folder of sound files", "Ctrl+Shift+O"),
    Command("sounds.sample", "Sample sound", "Synthetic speech with its words and phones; no file is needed"),
    Command("sounds.record", "Record…", "Record from a microphone into a file that is opened then", "Ctrl+Alt+M",
            "mdi6.microphone"),
    Command("sounds.tiers", "Open tiers…", "Lay a TextGrid, SRT, VTT, RTTM, CTM, JSON or TXT file below the sound",
            "Ctrl+Shift+A"),
    Command("sounds.export", "Export…", "Write the selection or the tiers to a file", "Ctrl+Shift+X",
            "mdi6.export-variant"),
    Command("sounds.speakers", "Who spoke when…", "Speakers, their turns and voices; show or hide the panel",
            "Ctrl+Shift+P", "mdi6.account-voice"),
    Command("sounds.speakers-run", "Find the speakers", "Tell who speaks when in the sound that is open",
            "Ctrl+Alt+R"),
    Command("sounds.speakers-stop", "Stop finding speakers", "End the work; the tiers stay as they are", "Ctrl+Alt+."),
    Command("sounds.speakers-name", "Name speaker…", "Another name everywhere at once; remember the voice if you like",
            "Ctrl+Alt+N"),
    Command("sounds.speakers-play", "Play turns", "Play what the selected speaker says, turn by turn; halt",
            "Ctrl+Alt+P"),
    Command("sounds.speakers-words", "Speakers into words", "Give words and segments the speakers of their turns",
            "Ctrl+Alt+W"),
    Command("sounds.speakers-voices", "Remembered voices…", "Rename, merge or delete the voices that are remembered",
            "Ctrl+Alt+V"),
    Command("sounds.transcribe", "Transcribe…", "Let a model write down what is said; show or hide the panel", "Ctrl+G",
            "mdi6.text-recognition"),
    Command("sounds.transcribe-run", "Transcribe this sound", "Write down what is said in the sound that is open",
            "Ctrl+R"),
    Command("sounds.transcribe-part", "Transcribe the selection", "Write down what is said in it, in the place of what "
            "was heard there before", "Ctrl+Shift+R"),
    Command("sounds.transcribe-stop", "Stop transcribing", "End the work; what was heard until then stays", "Ctrl+."),
    Command("sounds.transcribe-compare", "Compare two models", "What both hear, with differences and word error rates",
            "Ctrl+Shift+M"),
    Command("sounds.confirm", "Confirm segment", "The marked segment is right as it stands; go on to the next",
            "Ctrl+Return"),
    Command("sounds.corrections", "Use as training data", "Add corrected segments to the record of corrections",
            "Ctrl+Shift+D"),
    Command("sounds.finetune", "Fine-tune on the corrections…", "Open the recipe with all corrections as its data"),
    Command("sounds.batch", "Transcribe many…", "Files, a folder, or whatever comes into one, with a state for each",
            "Ctrl+Shift+B"),
    Command("sounds.clone", "Speak with a voice…", "Voices that say a text, on a map; show or hide the panel",
            "Ctrl+Shift+V", "mdi6.account-tie-voice-outline"),
    Command("sounds.clone-enrol", "Enrol voice", "Know the voice of the selection, of the sound, or of a speaker",
            "Ctrl+Alt+E"),
    Command("sounds.clone-record", "Record a voice…", "Enrol a voice from the microphone", "Ctrl+Alt+C"),
    Command("sounds.clone-nobody", "A voice that nobody has", "Draw a random voice, and let it speak", "Ctrl+Alt+B"),
    Command("sounds.clone-remember", "Remember voice…", "Keep the enrolled voice under a name", "Ctrl+Alt+A"),
    Command("sounds.clone-remove", "Remove voice", "Take it off the list; what is remembered is deleted under Voices…",
            "Ctrl+Alt+Y"),
    Command("sounds.clone-speak", "Speak", "Say the text with the chosen voice", "Ctrl+Shift+Return"),
    Command("sounds.clone-stop", "Stop speaking", "End the work; what was said before stays", "Ctrl+Shift+."),
    Command("sounds.clone-play", "Play what was said", "Play the cloned sound; halt", "Ctrl+Alt+H"),
    Command("sounds.clone-original", "Play the original", "Play the speech that the voice was told by; halt",
            "Ctrl+Alt+J"),
    Command("sounds.clone-open", "Open what was said", "See the cloned sound as a sound of this page", "Ctrl+Alt+U"),
    Command("sounds.clone-export", "Export what was said…", "Write the cloned sound as a WAV that says it is synthetic",
            "Ctrl+Alt+X"),
    Command("sounds.next", "Next sound", "Open the next sound of the list", "Ctrl+PgDown"),
    Command("sounds.previous", "Previous sound", "Open the sound before it in the list", "Ctrl+PgUp"),
    Command("sounds.close", "Close sounds", "Back to the start; tiers are kept with their edits", "Ctrl+W"),
    Command("home.find", "Find a recipe or run", "Go to the search of the home page", "Ctrl+F"),
    Command("recipe.run", "Run", "Train with these values", "Ctrl+R", "mdi6.play"),
    Command("recipe.queue", "Queue", "Add to the queue and stay here", "Ctrl+Shift+R"),
    Command("recipe.claim", "Run claim", "Train every arm of the paper's claim on this data and judge it"),
    Command("recipe.verdict", "Show the last claim", "The arms and the verdict of the claim run last"),
    Command("recipe.sweep", "Sweep…", "Search some of these knobs over a range or a list", "Ctrl+Alt+R"),
    Command("recipe.trials", "Show the last sweep", "The trials of this recipe's last sweep, and the best of them"),
    Command("recipe.copy", "Copy as command", "Copy the command line that does the same", "Ctrl+Shift+K"),
    Command(
        "recipe.export", "Export…", "Take this run away as a report, curves, numbers or an archive", "Ctrl+Shift+X",
        "mdi6.export-variant",
    ),
    Command("recipe.pause", "Pause", "Hold the run; its memory is kept", "Ctrl+P", "mdi6.pause"),
    Command("recipe.cancel", "Cancel run", "End the run without its model", "Ctrl+.", "mdi6.close"),
    Command("recipe.undo", "Undo change of a knob", "Take the last change of the form back", "Ctrl+Z"),
    Command("recipe.redo", "Redo change of a knob", "Do the change again", "Ctrl+Shift+Z"),
    Command("recipe.label", "Label the data", "Correct labels or spans in the place of the views", "Ctrl+Shift+E"),
    Command("recipe.newest", "Follow the newest step", "Move the time slider to its right end", "Ctrl+L"),
    Command("labels.undo", "Undo", "Take the last correction back", "Ctrl+Z"),
    Command("labels.redo", "Redo", "Do the correction again", "Ctrl+Shift+Z"),
    Command("labels.find", "Filter the examples", "Words that the text or its labels must hold", "Ctrl+F"),
    Command("labels.repeats", "Every repeat", "Label every repeat of the same words at once", "Ctrl+R"),
    Command("labels.save", "Save copy…", "Write all examples with their present labels to a new file", "Ctrl+S"),
    Command("labels.train", "Re-train from the copy", "Save a copy and train on it", "Ctrl+T"),
    Command("examples.find", "Filter these examples", "Words that the text, its label or its prediction must hold",
            "Ctrl+F"),
    Command("examples.copy", "Copy examples", "Copy the chosen rows, or all that are shown", "Ctrl+C"),
    Command("examples.relabel", "Relabel", "Correct the labels of the chosen rows, or of all that are shown", "Ctrl+L"),
    Command("ask.ask", "Ask both models", "Put the text to the trained model and its base", "Ctrl+Return; Ctrl+Enter"),
    Command("ask.cancel", "Cancel the question", "Wait for no answer", "Esc"),
    Command("ask.explain", "Weigh each word", "Weigh each word before and after tuning", "Ctrl+E"),
    Command("view.picture", "Copy picture", "Put the view on the clipboard as a picture", "Ctrl+Shift+C"),
    Command("view.csv", "Copy as CSV", "Put the view's numbers on the clipboard", "Ctrl+C"),
    Command("view.save", "Save picture…", "Write the view to a picture file", "Ctrl+S"),
    Command("view.export", "Save as CSV…", "Write the view's numbers to a file"),
    Command("view.spans.mistakes", "Mistakes only", "Only texts whose spans differ from the true ones", "M"),
    Command("view.table.item", "List the row's item", "Show the example behind the row", "Return"),
    Command("view.map.fit", "Show everything", "Make room for all points", "Home"),
    Command("view.map.all", "Select all", "Select every point", "Ctrl+A"),
    Command("view.map.none", "Select nothing", "Let go of the selected points", "Esc"),
    Command("view.map.play", "Play the point", "Hear the sound of the selected point; halt", "Space"),
    Command("view.volume.crosshair", "Crosshair", "Click or drag: all planes go there", "V", "mdi6.crosshairs"),
    Command("view.volume.ruler", "Ruler", "Drag along a length in millimetres", "R", "mdi6.ruler"),
    Command("view.volume.angle", "Angle", "Click three points: the angle at the second", "A", "mdi6.angle-acute"),
    Command("view.volume.roi", "Values in a region", "Drag an ellipse: mean, deviation, range, area", "Q",
            "mdi6.chart-bell-curve"),
    Command("view.volume.unmeasure", "Remove last measure", "Take the ruler, angle or region set last away", "Del"),
    Command("view.volume.brush", "Brush", "Paint the active label; the right button erases it", "B", "mdi6.brush"),
    Command("view.volume.eraser", "Eraser", "Erase the active label", "E", "mdi6.eraser"),
    Command("view.volume.lasso", "Lasso and polygon", "Drag around an area, or click its corners", "P", "mdi6.lasso"),
    Command("view.volume.fill", "Region growing", "Label what is connected and has like values", "G",
            "mdi6.format-color-fill"),
    Command("view.volume.refine", "Refine by clicks", "Click what belongs to the label, right-click what does not",
            "K", "mdi6.target"),
    Command("view.volume.refine-way", "Refine the other way", "By geodesic distance, or by a small network", "Shift+K"),
    Command("view.volume.smaller", "Smaller brush", "A step less", "["),
    Command("view.volume.larger", "Larger brush", "A step more", "]"),
    Command("view.volume.sphere", "Paint in 3-D", "The brush is a sphere, growing goes through all slices", "D",
            "mdi6.sphere"),
    Command("view.volume.review.accept", "Accept", "Sign the labels as they are and go on to the next case", "Space"),
    Command("view.volume.review.correct", "Corrected", "Sign the labels as corrected and go on", "S"),
    Command("view.volume.review.reject", "Reject…", "Say why the case cannot be used, and go on", "J"),
    Command("view.volume.review.comment", "Comment…", "Say something about the case; it stays in the log", "M"),
    Command("view.volume.review.next", "Next case", "Open the next case of the worklist", "N"),
    Command("view.volume.review.previous", "Previous case", "Open the case before it on the worklist", "Shift+N"),
    Command("view.volume.undo", "Undo", "Take the last edit of the labels back", "Ctrl+Z", "mdi6.undo"),
    Command("view.volume.redo", "Redo", "Do the edit again", "Ctrl+Shift+Z", "mdi6.redo"),
    Command("view.volume.interpolate", "Interpolate between slices", "Fill empty slices between labelled ones", "I"),
    Command("view.volume.grow", "Grow label", "Add what lies within the margin of the active label", "Ctrl+Alt+G"),
    Command("view.volume.shrink", "Shrink label", "Take the margin off the active label", "Ctrl+Alt+S"),
    Command("view.volume.smooth", "Smooth label", "Round the active label off by about the margin", "Ctrl+Alt+M"),
    Command("view.volume.largest", "Keep largest island", "Remove all parts of the label but the largest"),
    Command("view.volume.islands", "Remove small islands", "Remove parts of the label below the set volume"),
    Command("view.volume.next", "Copy slice forward", "Copy the label of this slice to the next one", "Alt+PgUp"),
    Command("view.volume.previous", "Copy slice back", "Copy the label of this slice to the one before", "Alt+PgDown"),
    Command("view.volume.label", "New label", "A further label to paint with", "Ctrl+N"),
    Command("view.volume.export", "Save labels as…", "Write the labels as they are now to a file of their own"),
    Command("view.volume.hide", "Show or hide labels", "The picture without its labels, and back", "H", "mdi6.eye"),
    Command("view.volume.outline", "Outline only", "Labels without their fill, and back", "O",
            "mdi6.vector-polygon"),
    Command("view.volume.auto", "Window: automatic", "From the 1st to the 99th percentile of the values", "F2"),
    Command("view.volume.brain", "Window: brain", "CT: centre 40, width 80 HU", "F3"),
    Command("view.volume.lung", "Window: lung", "CT: centre −600, width 1500 HU", "F4"),
    Command("view.volume.bone", "Window: bone", "CT: centre 400, width 1800 HU", "F5"),
    Command("view.volume.soft-tissue", "Window: soft tissue", "CT: centre 50, width 400 HU", "F6"),
    Command("view.volume.abdomen", "Window: abdomen", "CT: centre 60, width 350 HU", "F7"),
    Command("view.volume.file", "Window: as delivered", "What the file recommends", "F8"),
    Command("view.volume.cine", "Cine", "Run through the slices of the plane with the focus", "C", "mdi6.play"),
    Command("view.volume.one", "This plane alone", "Enlarge the plane with the focus, or show all", "X",
            "mdi6.fit-to-screen-outline"),
    Command("view.volume.solid", "Surfaces in 3-D", "The labels' surfaces in the place of the panel, and back", "T",
            "mdi6.cube-outline"),
    Command("view.volume.render", "Volume in 3-D", "The volume itself in the place of the panel, and back", "Shift+T",
            "mdi6.cube-scan"),
    Command("view.volume.render-look", "Next look in 3-D", "Colours and opacities: CT bone, soft tissue, lung, MR",
            "Shift+L"),
    Command("view.volume.render-mode", "Next mode in 3-D", "Composite, maximum or isosurface", "Shift+M"),
    Command("view.volume.render-labels", "Surfaces in the volume",
            "The labels' surfaces where they lie in the volume; on a slow display they come at rest",
            "Shift+H", "mdi6.cube-outline"),
    Command("view.volume.render-reset", "Delivered look", "Colours, opacities and surface as delivered", "Shift+R",
            "mdi6.restore"),
    Command("view.volume.sequences", "Sequences side by side", "Up to four volumes of the case in the same plane", "Y",
            "mdi6.view-grid-outline"),
    Command("view.volume.overlay", "Overlay", "Lay the second volume over the first in colour", "L",
            "mdi6.layers-outline"),
    Command("view.volume.fit", "Show everything", "Whole slices again", "Home", "mdi6.arrow-expand-all"),
    Command("view.slide.fit", "Show everything", "The whole slide again", "Home", "mdi6.arrow-expand-all"),
    Command("view.slide.native", "One to one", "A pixel of the file for each pixel of the screen", "N",
            "mdi6.magnify-plus-outline"),
    Command("view.slide.x5", "Magnify 5×", "As through a 5× objective: 2 µm for each pixel", "F5"),
    Command("view.slide.x10", "Magnify 10×", "As through a 10× objective: 1 µm for each pixel", "F6"),
    Command("view.slide.x20", "Magnify 20×", "As through a 20× objective: 0.5 µm for each pixel", "F7"),
    Command("view.slide.x40", "Magnify 40×", "As through a 40× objective: 0.25 µm for each pixel", "F8"),
    Command("view.slide.map", "Map of the slide", "The whole slide, small, with the part that is seen; click it", "M",
            "mdi6.map-outline"),
    Command("view.slide.grid", "Tiles with tissue", "Where tiles of 256 pixels at 20× hold tissue", "G", "mdi6.grid"),
    Command("view.slide.heat", "Show or hide scores", "The slide without its colours, and back", "H", "mdi6.eye"),
    Command("view.slide.score", "Next score", "Colour the tiles by the next of their scores", "S"),
    Command("view.slide.hottest", "Next highest score", "Go to the tile that scores highest, then the next ones", "J",
            "mdi6.crosshairs"),
    Command("view.slide.fainter", "Fainter scores", "Let more of the slide through", "["),
    Command("view.slide.stronger", "Stronger scores", "Let less of the slide through", "]"),
    Command("view.slide.geojson", "Export scores as GeoJSON…", "Tiles with their scores, for QuPath and others", "",
            "mdi6.export-variant"),
    Command("view.slide.mpp", "Resolution…", "Say how many µm a pixel spans where the file does not"),
    Command("view.sound.play", "Play", "Play the selection, or from the cursor on; halt", "Space", "mdi6.play-pause"),
    Command("view.sound.loop", "Loop", "Play again and again", "L", "mdi6.repeat"),
    Command("view.sound.slower", "Slower", "Play slower at the same pitch", ","),
    Command("view.sound.faster", "Faster", "Play faster at the same pitch", "."),
    Command("view.sound.in", "Magnify", "Less time in view, around the cursor", "+; =", "mdi6.magnify-plus-outline"),
    Command("view.sound.out", "Take smaller", "More time in view", "-", "mdi6.magnify-minus-outline"),
    Command("view.sound.fit", "Show everything", "The whole sound", "Home", "mdi6.arrow-expand-horizontal"),
    Command("view.sound.selection", "Show the selection", "The selection fills the view", "Z",
            "mdi6.arrow-collapse-horizontal"),
    Command("view.sound.all", "Select all", "Select the whole sound", "Ctrl+A"),
    Command("view.sound.none", "Select nothing", "Let go of the selection", "Esc"),
    Command("view.sound.back", "Half a view back", "Shift the view to the left", "PgUp"),
    Command("view.sound.on", "Half a view on", "Shift the view to the right", "PgDown"),
    Command("view.sound.taller", "Magnify the height", "Amplitude of the waveform, or frequencies of the spectrogram",
            "Shift+Up"),
    Command("view.sound.lower", "Less height", "Amplitude or frequencies as before", "Shift+Down"),
    Command("view.sound.tracks", "Pitch and energy", "Lines of pitch and energy over the spectrogram", "T",
            "mdi6.chart-line"),
    Command("view.sound.insert", "Insert segment", "A segment over the selection, or after the cursor", "I",
            "mdi6.plus-box-outline"),
    Command("view.sound.split", "Split segment", "Cut the segment at the cursor", "S", "mdi6.content-cut"),
    Command("view.sound.join", "Join segments", "Join the marked segment with the next one", "J",
            "mdi6.arrow-collapse-right"),
    Command("view.sound.delete", "Delete segment", "Remove the marked segment", "Del", "mdi6.delete-outline"),
    Command("view.sound.tier", "New tier", "An empty tier below the others", "Ctrl+Shift+T"),
    Command("view.sound.untier", "Remove tier", "Remove the tier that was clicked last; Undo brings it back"),
    Command("view.sound.text", "Edit text", "Write the marked segment's text in its place", "Return"),
    Command("view.sound.earlier", "Boundary earlier", "Move the boundary next to the cursor back by 5 ms", "["),
    Command("view.sound.later", "Boundary later", "Move the boundary next to the cursor on by 5 ms", "]"),
    Command("view.sound.next", "Next segment", "Mark the next segment", "N"),
    Command("view.sound.previous", "Previous segment", "Mark the segment before", "P"),
    Command("view.sound.undo", "Undo", "Take the last edit of the tiers back", "Ctrl+Z", "mdi6.undo"),
    Command("view.sound.redo", "Redo", "Do the edit again", "Ctrl+Shift+Z", "mdi6.redo"),
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
    Command("view.curve.fit", "Show everything", "Make room for all lines", "Home"),
    Command("view.curve.axis", "Step or time axis", "Axis of steps or of time", "T"),
    Command("view.curve.log", "Logarithmic height", "Logarithmic height", "L"),
    Command("view.curve.smooth", "Smoothing", "Average out the noise", "S"),
)  # fmt: skip

FIXED: Mapping[str, str] = {
    "Arrow keys": "move through a list, a table, the cells of a matrix, the lines of a legend; they shift a map",
    "+ and −": "magnify a map or a slice, or take it smaller",
    "Page up, Page down": "go to the next slice of a volume, or back; with Shift by ten",
    "Return": "opens or lists what is marked",
    "Space": "switches the line of a legend, a switch or a button",
    "1 … 9": "give the label of that number while labelling; paint with it in a volume",
    "Delete": "takes the marked span away while labelling",
    "Tab, Shift+Tab": "go to the next control, or back",
    "Esc": "closes the palette, the help, the tour or a message in front",
}
"""Keys that belong to a control rather than to an action; they stay as they are."""


def place_of(name: str) -> Place:
    """Where an action is at hand; pages and views without a declaration of their own are named after their id."""
    while name and name not in PLACES:
        name, _, last = name.rpartition(".")
        if not name:
            return Place(last.replace("-", " ").capitalize(), "")
    return PLACES[name]


def clash(one: str, other: str) -> bool:
    """Whether the same key for actions of these two places would leave one of them without it.

    An inner place goes before the page around it, so only places of the same depth can clash: the
    window with every page, and a view with every action of its kind.
    """
    wide = ("window", "go", "recipes")
    one, other = ("window" if name in wide else name for name in (one, other))
    if one == other:
        return True
    if place_of(one).inner != place_of(other).inner:
        return False
    if place_of(one).inner:
        return one.startswith(other + ".") or other.startswith(one + ".")
    return "window" in (one, other)
