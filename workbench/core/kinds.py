"""The kinds of thing a recipe reads (slots) and writes (artifacts); views are chosen by them.

An artifact is a file. Arrays are `.npy`, documents `.json` (see documents.py), sound `.wav`,
points `.ply`, pictures `.png`, models `.safetensors`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class ArtifactKind:
    """What a view must know of an artifact: its name and its file's suffix.

    `help` is one line for whoever looks at it, `file` one for whoever writes a recipe: shapes, types, parts, meta.
    """

    name: str
    suffix: str
    help: str
    file: str = ""


Curve = ArtifactKind("curve", "", "numbers over steps, drawn as lines", "written with job.metric")
Table = ArtifactKind("table", ".json", "rows and named columns with units", "a TableDoc")
Text = ArtifactKind("text", ".json", "a passage of text", "a TextDoc")
Spans = ArtifactKind("spans", ".json", "texts with labelled or scored stretches", "a SpansDoc")
Confusion = ArtifactKind("confusion", ".json", "counts of true against predicted class", "a ConfusionDoc")
Embedding = ArtifactKind("embedding", ".npy", "a map with a point for each example",
                         "(N, 2) float32, an ItemsDoc part; a MapAxes in its meta under `axes`")  # fmt: skip
Attention = ArtifactKind("attention", ".npy", "how much each token looks at each other one", "(heads, T, T) float32")
Image = ArtifactKind("image", ".png", "one picture")
ImageGrid = ArtifactKind("image-grid", ".png", "pictures side by side")
Audio = ArtifactKind("audio", ".wav", "sound, with its words or phones where they are known",
                     "a SoundMeta in its meta; its part `tiers` is a TiersDoc")  # fmt: skip
Tiers = ArtifactKind(
    "tiers", ".json", "segments, words or phones of a sound", "a TiersDoc; its part `audio` is the sound"
)
Volume = ArtifactKind("volume", ".npy", "a volume in three linked planes", "(z, y, x), a VolumeMeta in its meta")
Labels = ArtifactKind(
    "labels", ".npy", "labels over the volume that they belong to",
    "(z, y, x) integers, a VolumeMeta in its meta; its part `volume` is what it lies over",
)  # fmt: skip
Slide = ArtifactKind("slide", ".tif", "a whole slide with the scores of its tiles",
                     "a pyramid TIFF; its meta is a SlideMeta (mpp, tiles, scores)")  # fmt: skip
Points = ArtifactKind("points", ".ply", "a point cloud",
                      "vertices x, y, z, red, green, blue, nx, ny, nz; further properties are scalars")  # fmt: skip
Mesh = ArtifactKind("mesh", ".ply", "a triangle mesh", "vertices as of points, and faces of equal length")
RadianceGrid = ArtifactKind("radiance-grid", ".npy", "colour and density in space",
                            "(X, Y, Z, 4) float32, a RadianceMeta in its meta")  # fmt: skip
Boxes = ArtifactKind("boxes", ".json", "boxes with labels and scores in a radiance grid",
                     "a BoxesDoc; its part `grid` is the radiance grid, its meta a RadianceMeta")  # fmt: skip
Cameras = ArtifactKind("cameras", ".json", "photographs and where they were taken from", "a CamerasDoc")
Clip = ArtifactKind("clip", ".mp4", "a video with its labelled spans", "its part `tiers` is a TiersDoc")
Clips = ArtifactKind(
    "clips", ".npy", "short clips side by side, with what was predicted of each and where the model looks",
    "(N, T, H, W, 3) uint8, an ItemsDoc part and a ClipsMeta in its meta; its part `maps` (N, T, h, w) float32 lies "
    "over them",
)  # fmt: skip
Frame = ArtifactKind(
    "frame", ".png", "a radiance field as it is learned, seen from where one stands",
    "RGBA, a FieldFrame in its meta; its part `depth` is (h, w) float32 along the view axis, inf where nothing is",
)  # fmt: skip
Outcomes = ArtifactKind("outcomes", ".npy", "counts behind a metric, for claims", "(N, k) per item; no view draws them")

KINDS: Mapping[str, ArtifactKind] = {
    kind.name: kind for kind in list(globals().values()) if isinstance(kind, ArtifactKind)
}


@dataclasses.dataclass(frozen=True)
class Sample:
    """Data that needs no file: chosen by `sample:<name>`; `sets` are knobs it implies."""

    name: str
    title: str
    help: str
    generated: bool
    sets: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def address(self) -> str:
        """The value an input slot takes to mean this sample."""
        return f"sample:{self.name}"


@dataclasses.dataclass(frozen=True)
class InputKind:
    """What a slot accepts: file suffixes (empty: any) and whether a folder may be dropped."""

    name: str
    suffixes: tuple[str, ...]
    folder: bool
    help: str


@dataclasses.dataclass(frozen=True)
class Slot:
    """A place for the user's data; the first sample is preselected."""

    kind: InputKind
    title: str
    help: str = ""
    samples: tuple[Sample, ...] = ()
    required: bool = True
    columns: tuple[str, ...] = ()
    """Knobs that name columns of this slot's table, filled by the column picker."""

    @property
    def default(self) -> str:
        """The address the slot starts with; empty where nothing is preselected."""
        return self.samples[0].address if self.samples else ""


TextData = InputKind(
    "text-data",
    (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt", ".conll", ".iob2"),
    True,
    "CSV/TSV, JSON lines, Parquet, plain text, CoNLL/IOB2, SQuAD JSON, or a data set folder",
)
PunctuatedText = InputKind(
    "punctuated-text", (".txt", ".tsv", ".csv", ""), True, "one word and its mark a line, or plain text"
)
TaggedText = InputKind("tagged-text", (".conllu", ".tsv", ".txt"), True, "CoNLL-U or two-column TSV")
MrCases = InputKind(
    "mr-cases", (), True, "a folder of cases with labels: BraTS, TCGA-LGG (kaggle_3m), Decathlon or nnU-Net"
)
CtScans = InputKind(
    "ct-scans", (), True, "a folder of CT volumes (DICOM, NIfTI, NRRD, MHA), or an nnU-Net or Decathlon data set"
)
TileFolders = InputKind("tile-folders", (), True, "a folder with one folder of pictures for each class")
WholeSlides = InputKind(
    "whole-slides", (".csv",), True, "a CSV of slides (slide_id, label, case_id), beside the slides or CLAM features"
)
SpeechFolder = InputKind("speech-folder", (), True, "a folder with sounds at any depth, or a speech corpus")
ClipFolder = InputKind(
    "clip-folder",
    (".csv", ".txt", ".json"),
    True,
    "a folder with one folder of videos for each class, or a list of videos with labels (Kinetics, SSv2, UCF)",
)
PosedPictures = InputKind(
    "posed-pictures", (".json",), True,
    "photographs with poses: transforms.json (nerfstudio, instant-ngp, Blender) or a COLMAP folder",
)  # fmt: skip
RadianceGrids = InputKind(
    "radiance-grids", (".npz", ".csv"), True, "a folder of NeRF-MAE or NeRF-RPN grids (.npz) with their boxes"
)
CaptionedPictures = InputKind(
    "captioned-pictures", (".csv", ".json"), True,
    "a folder of pictures with captions.csv (file, caption) or a .txt beside each, or COCO's captions JSON",
)  # fmt: skip
