"""What the worker's interactive lane is at while it answers a question, in words that a person reads."""

from __future__ import annotations

from collections.abc import Mapping

APPLYING = "applying a model"
DOING: Mapping[str, str] = {
    "agreement": "comparing readers",
    "backbone": "looking at a pretrained model",
    "backbones": "looking for pretrained models",
    "case": "reading a case",
    "cases": "looking for cases",
    "clone-map": "laying out voices",
    "clone-say": "saying a sentence",
    "clone-voice": "listening to a voice",
    "compare": "comparing labels",
    "convert": "converting a volume",
    "data": "looking at data",
    "deidentify": "removing what identifies patients",
    "devices": "looking for devices",
    "diarise": "finding who speaks when",
    "examples": "reading examples",
    "export": "writing labels",
    "field-render": "rendering a radiance field",
    "film-sample": "drawing a sample video",
    "fine-able": "looking for a renderer",
    "fine-picture": "drawing a scene",
    "labels": "reading labels",
    "onto": "laying labels onto a volume",
    "posed-read": "reading photographs and poses",
    "posed-sample": "drawing sample photographs",
    "probabilities": "reading probabilities",
    "refine": "following clicks",
    "sample": "making a sample case",
    "scene-info": "looking at a 3-D file",
    "scene-process": "working on points or meshes",
    "scene-read": "reading a 3-D file",
    "scene-sample": "making a sample scene",
    "scene-write": "writing a 3-D file",
    "slide": "opening a slide",
    "slide-grid": "laying a grid over a slide",
    "slide-sample": "making a sample slide",
    "slide-tile": "reading a part of a slide",
    "sound": "reading a sound",
    "sound-export": "writing a sound",
    "sound-sample": "making a sample sound",
    "spans": "reading labelled spans",
    "spans-clips": "gathering labelled clips",
    "spans-convert": "converting labelled spans",
    "spans-export": "writing labelled spans",
    "spectrogram": "making a spectrogram",
    "tiers": "reading tiers",
    "tiers-export": "writing tiers",
    "tracks": "measuring pitch and loudness",
    "training-set": "gathering cases to train on",
    "transcribe": "transcribing",
    "transcript-export": "writing a transcript",
    "video-captions": "ranking captions",
    "video-digest": "looking at a video",
    "video-features": "looking through videos",
    "video-find": "searching videos",
    "video-live": "recognising what a camera sees",
    "video-recognise": "recognising what a video shows",
    "video-saliency": "finding where a model looks",
    "voice-enrol": "listening to a speaker",
    "volume": "reading a volume",
}

YIELDING = frozenset({"field-render"})
"""Pictures for who looks around: they take as long as they are given, so all other questions go before them."""


def doing(what: str) -> str:
    """What the worker does for a question of this name (worker/inspectors.py)."""
    return DOING.get(what, f"looking at {what}")
