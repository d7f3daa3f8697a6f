"""Tiers as files, each read back by a library that is not ours where there is one."""

from __future__ import annotations

import pytest
import srt
import webvtt
from praatio import textgrid

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.problem import InputError
from workbench.engine.speech.tiers import export_tiers, read_tiers

DOC = TiersDoc(
    [
        Tier("segments", "segments", [
            Segment(0.25, 1.5, 'Say "naïve" & <go>', "anna"), Segment(2.0, 3.125, "No\nway", "bob")]),
        Tier("words", "words", [Segment(0.25, 0.75, "say", "", 0.5), Segment(0.75, 1.5, "naïve", "", 0.875)]),
        Tier("marks", "points", [Segment(1.0, 1.0, "click")]),
    ],
    4.0,
)  # fmt: skip


def test_that_praat_reads_intervals_points_and_quotes(tmp_path):
    found = textgrid.openTextgrid(str(export_tiers(DOC, tmp_path / "a.TextGrid")), includeEmptyIntervals=True)
    assert found.tierNames == ("segments [anna]", "segments [bob]", "words", "marks") and found.maxTimestamp == 4.0
    anna = found.getTier("segments [anna]").entries
    assert [tuple(one) for one in anna] == [(0.0, 0.25, ""), (0.25, 1.5, 'Say "naïve" & <go>'), (1.5, 4.0, "")]
    assert [tuple(one) for one in found.getTier("marks").entries] == [(1.0, "click")]
    back = read_tiers(tmp_path / "a.TextGrid")
    assert back.tiers[1].segments == [Segment(2.0, 3.125, "No way", "bob")] and back.duration_s == 4.0
    assert [tier.kind for tier in back.tiers] == ["segments", "segments", "words", "points"]


def test_that_overlaps_become_intervals_that_praat_accepts(tmp_path):
    doc = TiersDoc([Tier("t", "segments", [Segment(0, 2, "a"), Segment(1, 3, "b"), Segment(3, 3, "empty")])])
    found = textgrid.openTextgrid(str(export_tiers(doc, tmp_path / "a.TextGrid")), includeEmptyIntervals=False)
    assert [tuple(one) for one in found.getTier("t").entries] == [(0, 1, "a"), (1, 3, "b")]


def test_that_subtitles_read_back_in_their_libraries(tmp_path):
    cues = list(srt.parse(export_tiers(DOC, tmp_path / "a.srt").read_text(encoding="utf-8")))
    assert [(one.start.total_seconds(), one.end.total_seconds()) for one in cues] == [(0.25, 1.5), (2.0, 3.125)]
    assert [one.content for one in cues] == ['anna: Say "naïve" & <go>', "bob: No way"]
    captions = webvtt.read(str(export_tiers(DOC, tmp_path / "a.vtt"))).captions
    assert [(one.start, one.end, one.voice) for one in captions] == [
        ("00:00:00.250", "00:00:01.500", "anna"), ("00:00:02.000", "00:00:03.125", "bob")
    ]  # fmt: skip
    assert read_tiers(tmp_path / "a.vtt").tiers[0].segments[0] == Segment(0.25, 1.5, 'Say "naïve" & <go>', "anna")
    assert read_tiers(tmp_path / "a.srt").tiers[0].segments[1] == Segment(2.0, 3.125, "bob: No way")


def test_that_rttm_and_ctm_keep_speakers_times_and_confidences(tmp_path):
    lines = export_tiers(DOC, tmp_path / "my file.rttm").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "SPEAKER my_file 1 2.000 1.125 <NA> <NA> bob 1.000 <NA>"
    spoken = read_tiers(tmp_path / "my file.rttm").tiers[0].segments
    assert [(one.start_s, one.end_s, one.speaker) for one in spoken] == [
        (0.25, 1.5, "anna"), (2.0, 3.125, "bob")
    ]  # fmt: skip
    export_tiers(DOC, tmp_path / "a.ctm")
    assert (tmp_path / "a.ctm").read_text(encoding="utf-8").splitlines()[1] == "a 1 0.750 0.750 naïve 0.875"
    assert read_tiers(tmp_path / "a.ctm").tiers[0].segments == DOC.tiers[1].segments


def test_that_json_loses_nothing_and_labels_keep_times(tmp_path):
    assert read_tiers(export_tiers(DOC, tmp_path / "a.json")) == DOC
    export_tiers(DOC, tmp_path / "a.txt", "audacity")
    assert [(one.start_s, one.end_s) for one in read_tiers(tmp_path / "a.txt").tiers[0].segments] == [
        (0.25, 1.5), (2.0, 3.125)
    ]  # fmt: skip
    assert (
        export_tiers(DOC, tmp_path / "b.txt").read_text(encoding="utf-8") == 'anna: Say "naïve" & <go>\nbob: No way\n'
    )


def test_that_a_named_tier_is_the_one_that_is_written(tmp_path):
    assert export_tiers(DOC, tmp_path / "w.srt", tier="words").read_text(encoding="utf-8").count("-->") == 2
    with pytest.raises(InputError, match="no tier 'wrods'"):
        export_tiers(DOC, tmp_path / "w.srt", tier="wrods")


def test_that_what_a_format_cannot_hold_and_what_is_damaged_is_refused(tmp_path):
    only_points = TiersDoc([DOC.tiers[2]])
    for name in ("a.srt", "a.ctm", "a.rttm", "a.doc"):
        with pytest.raises(InputError) as caught:
            export_tiers(only_points, tmp_path / name)
        assert caught.value.expected and not (tmp_path / name).exists()
    for name, text in {
        "b.TextGrid": "nothing", "b.srt": "1\nwhen --> then\nx\n", "b.vtt": "no header", "b.rttm": "SPEAKER a 1 x y",
        "b.ctm": "a 1", "b.json": "{", "b.txt": "no times here",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            read_tiers(tmp_path / name)
        assert name in caught.value.place
    with pytest.raises(InputError):
        read_tiers(tmp_path / "missing.srt")
