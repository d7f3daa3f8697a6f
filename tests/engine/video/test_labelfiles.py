"""Files of labelled spans: what others write is read as they meant it, what we write comes back, damage is told."""

from __future__ import annotations

import json
import random
from pathlib import Path

import msgspec
import pytest

from workbench.core.problem import InputError
from workbench.core.spans import AnnotatedVideo, LabelFile, LabelledSpan, spans_of, totals, tracks_of, within
from workbench.engine.video.labelfiles import read_labels, write_labels

Row = tuple[str, str, float, float | None, float, str]


def rows(file: LabelFile) -> list[Row]:
    return [(video.name, one.label, one.start_s, one.end_s, one.score, one.note) for video in file.videos
            for one in video.spans]  # fmt: skip


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


ACTIVITYNET = {
    "version": "VERSION 1.3",
    "taxonomy": [
        {"parentName": None, "nodeName": "Root", "nodeId": 0, "parentId": None},
        {"parentName": "Root", "nodeName": "Sports", "nodeId": 1, "parentId": 0},
        {"parentName": "Sports", "nodeName": "Long jump", "nodeId": 2, "parentId": 1},
    ],
    "database": {
        "v1": {"duration": 82.75, "subset": "training", "resolution": "320x240", "url": "https://example.org/v1",
               "annotations": [{"segment": [6.195294851794072, 77.73085420904837], "label": "Long jump"},
                               {"segment": [9.0, 8.0], "label": "Long jump"}]},
        "v2": {"duration": 10, "subset": "testing", "annotations": []},
    },
}  # fmt: skip
EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-01-01T10:00:00+01:00" FORMAT="3.0" VERSION="3.0">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///D:/films/talk.mp4" MIME_TYPE="video/mp4"/>
  </HEADER>
  <TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="780"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1340"/>
  <TIME_SLOT TIME_SLOT_ID="ts3"/></TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="gesture">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>wave &amp; point</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
      <ANNOTATION_VALUE>nod</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="child" TIER_ID="hand" PARENT_REF="gesture">
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1"><ANNOTATION_VALUE>left</ANNOTATION_VALUE>
    </REF_ANNOTATION></ANNOTATION>
  </TIER>
</ANNOTATION_DOCUMENT>
"""
BORIS = (
    "Observation id,Observation date,Description,Observation duration,Observation type,Source,Time offset (s),"
    "Media duration (s),FPS,Subject,Observation duration by subject by observation,Behavior,Behavioral category,"
    "Modifier #1,Behavior type,Time,Media file name,Image index,Image file path,Comment\n"
    "o1,2024-01-01,,30,Media file,,0,30.0,25,cat,30,walk,move,slow,START,1.5,cat.mp4,37,,first\n"
    "o1,2024-01-01,,30,Media file,,0,30.0,25,cat,30,meow,voice,,POINT,2.25,cat.mp4,56,,\n"
    "o1,2024-01-01,,30,Media file,,0,30.0,25,cat,30,walk,move,slow,STOP,4.0,cat.mp4,100,,\n"
    "o1,2024-01-01,,30,Media file,,0,30.0,25,No focal subject,30,sit,,,START,9.0,cat.mp4,225,,\n"
)
BORIS_7 = (
    "Observation id\to1\n\nMedia file(s)\nPlayer #1\tcat.mp4\n\n"
    "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus\n"
    "1.500\tcat.mp4\t30.0\t25\t\twalk\tmove\t\tSTART\n4.000\tcat.mp4\t30.0\t25\t\twalk\tmove\tdone\tSTOP\n"
)
BORIS_AGGREGATED = (
    "Observation id\tSubject\tBehavior\tBehavior type\tStart (s)\tStop (s)\tMedia duration (s)\tMedia file name\t"
    "Comment start\no1\tcat\twalk\tSTATE\t1.5\t4.0\t30\tcat.mp4\tfirst\n"
    "o1\tcat\tmeow\tPOINT\t2.25\t2.25\t30\tcat.mp4\t\n"
)
ELAN_TAB = (
    "gesture\t\t00:00:00.780\t00:00:01.340\t00:00:00.560\twave\n"
    "speech\tAnn\t00:01:02.000\t00:01:03.500\t00:00:01.500\t\n"
)
ELAN_TAB_MANY = "gesture\t\t00:00:00.780\t0.78\t780\t00:00:01.340\t1.34\t1340\t00:00:00.560\t0.56\t560\twave\n"
ELAN_TAB_MS = "gesture\t\t780\t1340\t560\twave\n"
ELAN_TAB_HEADED = (
    '"#file:///D:/films/talk.eaf"\nBegin Time - msec\tEnd Time - msec\tDuration - msec\tgesture\tspeech\n'
    "780\t1340\t560\twave\t\n2000\t2500\t500\t\thello\n"
)
FOREIGN: dict[str, tuple[str, str, list[Row], str]] = {
    "activity_net.json": ("activitynet", json.dumps(ACTIVITYNET),
                          [("v1", "Long jump", 6.195294851794072, 77.73085420904837, 1, "")],
                          "1 annotation ending before beginning left out"),
    "results.json": ("activitynet", '{"results": {"v": [{"label": "jump", "score": 0.25, "segment": [1, 2]}]}}',
                     [("v", "jump", 1, 2, 0.25, "")], ""),
    "talk.eaf": ("eaf", EAF, [("talk.mp4", "gesture", 0.78, 1.34, 1, "wave & point")],
                 "1 annotation whose times are not set left out"),
    "cat.csv": ("boris", BORIS, [("cat.mp4", "meow", 2.25, 2.25, 1, "subject: cat"),
                                 ("cat.mp4", "walk", 1.5, 4, 1, "subject: cat; Modifier #1: slow; first")],
                "1 START without a STOP left out; the first: sit at 9 s, cat.csv, line 5"),
    "cat7.tsv": ("boris", BORIS_7, [("cat.mp4", "walk", 1.5, 4, 1, "done")], ""),
    "cat-aggregated.tsv": ("boris", BORIS_AGGREGATED, [("cat.mp4", "walk", 1.5, 4, 1, "subject: cat; first"),
                                                       ("cat.mp4", "meow", 2.25, 2.25, 1, "subject: cat")], ""),
    "elan.txt": ("elan-tab", ELAN_TAB, [("", "gesture", 0.78, 1.34, 1, "wave"), ("", "speech", 62, 63.5, 1, "")],
                 "1 annotation text"),
    "elan-many.txt": ("elan-tab", ELAN_TAB_MANY, [("", "gesture", 0.78, 1.34, 1, "wave")], ""),
    "elan-ms.txt": ("elan-tab", ELAN_TAB_MS, [("", "gesture", 0.78, 1.34, 1, "wave")], ""),
    "elan-headed.txt": ("elan-tab", ELAN_TAB_HEADED,
                        [("", "gesture", 0.78, 1.34, 1, "wave"), ("", "speech", 2, 2.5, 1, "hello")], ""),
    "kinetics.csv": ("kinetics",
                     "label,youtube_id,time_start,time_end,split,is_cc\nabseiling,-3B32lodo2M,59,69,train,0\n",
                     [("-3B32lodo2M", "abseiling", 59, 69, 1, "")], ""),
    "ssv2.json": ("ssv2", '[{"id":"78687","label":"holding potato","template":"Holding [something]","placeholders":[]},'
                          '{"id": "3"}]', [("78687", "Holding something", 0, None, 1, "holding potato")],
                  "1 video without a label left out"),
    "charades_sta_train.txt": ("charades-sta", "AO8RW 0.0 6.9##a person is putting a book on a shelf.\r\n",
                               [("AO8RW", "a person is putting a book on a shelf.", 0, 6.9, 1, "")], ""),
    "hmdb.txt": ("list", "clips/a b.avi jump\nrun/c.avi\n", [("clips/a b.avi", "jump", 0, None, 1, ""),
                                                           ("run/c.avi", "run", 0, None, 1, "")], ""),
    "shown.srt": ("srt", "1\n00:00:01,500 --> 00:00:04,000\nwalk\n", [("", "walk", 1.5, 4, 1, "")], ""),
    "plain.csv": ("csv", "\ufefflabel;start;end\nwalk;0:01.5;4\n", [("", "walk", 1.5, 4, 1, "")], ""),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_that_what_others_write_is_read_as_they_meant_it(tmp_path: Path, name: str) -> None:
    form, text, expected, note = FOREIGN[name]
    file = read_labels(written(tmp_path / name, text))
    assert (file.format, rows(file)) == (form, expected)
    assert note in "; ".join(file.notes)


def test_that_texts_of_annotations_can_be_the_labels(tmp_path: Path) -> None:
    for name in ("talk.eaf", "elan.txt"):
        file = read_labels(written(tmp_path / name, FOREIGN[name][1]), labels_from="value")
        assert [(one.label, one.note) for one in file.videos[0].spans] == [
            ("wave & point" if name == "talk.eaf" else "wave", "gesture")
        ]


def test_that_utf_16_of_spreadsheets_is_read(tmp_path: Path) -> None:
    text = "label\tstart_s\tend_s\nспать\t1\t2\n"
    assert rows(read_labels(written(tmp_path / "a.csv", text.encode("utf-16")))) == [("", "спать", 1, 2, 1, "")]


def test_that_the_taxonomy_of_activitynet_survives(tmp_path: Path) -> None:
    file = read_labels(written(tmp_path / "in.json", json.dumps(ACTIVITYNET)))
    assert file.labels == ("Long jump",)
    write_labels(file, tmp_path / "out.json", "activitynet")
    again = json.loads((tmp_path / "out.json").read_text())
    assert again["taxonomy"] == ACTIVITYNET["taxonomy"]
    assert again["database"]["v1"]["url"] == "https://example.org/v1"
    assert read_labels(tmp_path / "out.json").videos == file.videos


def chance_file(seed: int, *, apart: bool, decimals: int | None, videos: int, plain: bool = False) -> LabelFile:
    """Some spans; `apart` ones of a label do not overlap, `plain` ones have neither score nor note."""
    chance = random.Random(seed)
    labels = ["jump", "open a door", 'say "hi"', "größer, höher", "日本", "x<y & z"]
    found = []
    for number in range(videos):
        spans = []
        for label in labels[: chance.randint(1, 6)]:
            at = 0.0
            for _ in range(chance.randint(0, 4)):
                start = at + chance.random() * 5 if apart else chance.random() * 20
                end = start + 0.01 + chance.random() * 5
                if decimals is not None:
                    start, end = round(start, decimals), round(end, decimals)
                at = end
                score = 1.0 if plain or chance.random() < 0.5 else chance.random()
                note = "" if plain else chance.choice(["", "over there", 'a "b", c; d'])
                spans.append(LabelledSpan(label, start, end, score, note))
        spans.append(LabelledSpan("always", 1.0, 2.0))
        found.append(AnnotatedVideo(f"film{number}.mp4" if videos > 1 else "film.mp4", spans, 60.0))
    return LabelFile("", found)


def by_time(file: LabelFile, *, named: bool = True) -> list[Row]:
    return sorted((row if named else ("", *row[1:]) for row in rows(file)), key=repr)


@pytest.mark.parametrize("seed", range(20))
def test_that_spans_come_back_exactly_where_a_format_holds_them(tmp_path: Path, seed: int) -> None:
    free = chance_file(seed, apart=False, decimals=None, videos=3)
    assert not write_labels(free, tmp_path / "a.csv").notes
    assert by_time(read_labels(tmp_path / "a.csv")) == by_time(free)
    stems = LabelFile("", [AnnotatedVideo(one.name.removesuffix(".mp4"), one.spans, 60.0) for one in free.videos])
    assert not write_labels(free, tmp_path / "a.json").notes
    assert by_time(read_labels(tmp_path / "a.json")) == by_time(stems)
    bare = chance_file(seed, apart=False, decimals=None, videos=3, plain=True)
    stems = LabelFile("", [AnnotatedVideo(one.name.removesuffix(".mp4"), one.spans) for one in bare.videos])
    for form, name in (("kinetics", "k.csv"), ("charades-sta", "c.txt")):
        write_labels(bare, tmp_path / name, form)
        assert by_time(read_labels(tmp_path / name)) == by_time(stems), form
    single = chance_file(seed, apart=True, decimals=3, videos=1)
    unscored = LabelFile("", [AnnotatedVideo("film.mp4", [msgspec.structs.replace(one, score=1.0) for one in
                                                        single.videos[0].spans], 60.0)])  # fmt: skip
    for form, name in (("eaf", "e.eaf"), ("elan-tab", "e.txt"), ("boris", "b.tsv"), ("boris", "b.csv")):
        told = write_labels(unscored, tmp_path / name, form)
        assert not told.notes, form
        again = read_labels(tmp_path / name)
        assert again.format == form
        named = form in ("eaf", "boris")
        assert by_time(again, named=named) == by_time(unscored, named=named), form


def test_that_whole_videos_come_back_from_lists(tmp_path: Path) -> None:
    file = LabelFile("", [AnnotatedVideo("a.mp4", [LabelledSpan("Pushing something", note="pushing a cup")]),
                          AnnotatedVideo("b.mp4", [LabelledSpan("run"), LabelledSpan("jump", 1, 2)])])  # fmt: skip
    told = write_labels(file, tmp_path / "s.json", "ssv2")
    assert told.notes == ("1 span of parts of videos not written: this format has whole videos",)
    assert rows(read_labels(tmp_path / "s.json")) == [("a", "Pushing something", 0, None, 1, "pushing a cup"),
                                                      ("b", "run", 0, None, 1, "")]  # fmt: skip
    told = write_labels(file, tmp_path / "l.txt", "list")
    assert "1 note not written: this format has none" in told.notes
    assert [row[:2] for row in rows(read_labels(tmp_path / "l.txt"))] == [("a.mp4", "Pushing something"),
                                                                          ("b.mp4", "run")]  # fmt: skip


def test_that_what_a_format_cannot_hold_is_told(tmp_path: Path) -> None:
    spans = [LabelledSpan("walk", 1.00049, 4, 0.5, "slow"), LabelledSpan("walk", 3, 5), LabelledSpan("meow", 2, 2),
             LabelledSpan("sit", 7)]  # fmt: skip
    file = LabelFile("", [AnnotatedVideo("cat.mp4", spans)], labels=("walk", "sleep"))
    assert write_labels(file, tmp_path / "a.csv").notes == ("1 label without spans not written: sleep",)
    told = "\n".join(write_labels(file, tmp_path / "a.eaf").notes)
    for words in ("1 span overlapped another of the same label and were joined", "1 span shorter than a millisecond",
                  "1 score not written", "1 time rounded to a millisecond", "1 span without an end"):  # fmt: skip
        assert words in told
    assert "1 note written behind the label" in "\n".join(write_labels(file, tmp_path / "a.srt").notes)
    assert read_labels(tmp_path / "a.eaf").labels == ("walk", "sleep", "meow")
    with pytest.raises(InputError, match="one video") as several:
        write_labels(LabelFile("", [*file.videos, AnnotatedVideo("b", spans)]), tmp_path / "b.eaf")
    assert several.value.received == "2 videos"
    assert not (tmp_path / "b.eaf").exists()


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.csv", "label,start_s,end_s\nwalk,1,2\nrun,one,2\n", "a.csv, line 3"),
        ("a.csv", "label,start_s,end_s\nwalk,1,2\n,3,4\n", "a.csv, line 3"),
        ("a.csv", "label,start_s,end_s\nwalk,1\n", "a.csv, line 2"),
        ("a.csv", 'label,start_s,end_s\n"walk,1,2\n', "a.csv, line 2"),
        ("a.csv", "label,start_s,end_s\nwalk,nan,2\n", "a.csv, line 2"),
        ("a.csv", "label,start_s,end_s\nwalk,1e99,2\n", "a.csv, line 2"),
        ("a.csv", "label,start_s,end_s,score\nwalk,1,2,87\n", "a.csv, line 2"),
        ("a.csv", "start_s,end_s\n1,2\n", "a.csv, line 1"),
        ("a.csv", b"label,start_s,end_s\nwalk\xff,1,2\n", "a.csv, line 2"),
        ("a.json", '{"database": {\n"v": {"annotations": [\n{"segment": [1], "label": "x"}]}}}',
         "a.json, v, annotation 1"),
        ("a.json", '{"database": {\n"v": {"annotations": [\n', "a.json, line 2"),
        ("a.json", '{"database": {"v": {"annotations": [{"segment": [0, 1e300], "label": "x"}]}}}',
         "a.json, v, annotation 1"),
        ("a.json", "[" * 100_000, "a.json, line 1"),
        ("a.eaf", EAF.replace("780", "0x3"), "a.eaf, ts1"),
        ("a.eaf", EAF.replace('REF1="ts1"', 'REF1="ts9"'), "a.eaf, a1"),
        ("a.eaf", EAF[:600], "a.eaf, line 10"),
        ("a.eaf", EAF.replace("<ANNOTATION_DOC", '<!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOC', 1), "a.eaf, line 2"),
        ("a.srt", "1\n00:00:99 --> x\nwalk\n", "a.srt"),
        ("a.tsv", BORIS_7.replace("STOP", "PAUSE"), "a.tsv, line 8"),
        ("a.txt", "AO8RW 0.0##x\n", "a.txt, line 1"),
        ("a.csv", "", "a.csv"),
        ("a.csv", "\n  \n", "a.csv"),
        ("a.json", "{\"database\": []}", "a.json"),
        ("a.eaf", EAF.replace("780", ""), "a.eaf, ts1"),
    ],
)  # fmt: skip
def test_that_damage_is_told_with_its_place(tmp_path: Path, name: str, text: str | bytes, place: str) -> None:
    with pytest.raises(InputError) as told:
        read_labels(written(tmp_path / name, text))
    assert told.value.place == place
    assert told.value.expected and told.value.received and told.value.fix


def test_that_entities_that_grow_without_end_are_refused_at_once(tmp_path: Path) -> None:
    lines = "".join(f'<!ENTITY a{at} "{f"&a{at - 1};" * 10}">' for at in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{lines}]><x>&a11;</x>'
    with pytest.raises(InputError, match="document type"):
        read_labels(written(tmp_path / "bomb.eaf", bomb))
    secret = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>'
    with pytest.raises(InputError, match="document type"):
        read_labels(written(tmp_path / "secret.eaf", secret))


def test_that_thousands_of_damaged_files_are_data_or_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tried = read = 0
    for name, (_, text, _, _) in FOREIGN.items():
        whole, chance = text.encode(), random.Random(name)
        for _ in range(200):
            raw = bytearray(whole)
            for _ in range(chance.choice([0, 1, 1, 2, 5, 20])):
                raw[chance.randrange(len(raw))] = chance.choice([chance.randrange(256), *b'",\t\n{}[]<>:#'])
            if chance.random() < 0.4:
                raw = raw[: chance.randrange(len(raw))]
            if chance.random() < 0.2:
                at = chance.randrange(len(raw) + 1)
                raw[at:at] = bytes(raw[at : at + chance.randrange(60)]) * chance.choice([1, 3])
            path = written(tmp_path / name, bytes(raw))
            tried += 1
            try:
                file = read_labels(path)
            except InputError as told:
                assert name in told.place
                assert told.expected and told.received
            else:
                read += 1
                assert file.videos or file.labels
                for *_, start, end, score, _ in rows(file):
                    assert -1e8 < start < 1e8
                    assert end is None or start <= end < 1e8
                    assert 0 <= score <= 1
    with capsys.disabled():
        print(f"\n{tried:,} damaged files of annotations: {read:,} read, {tried - read:,} told, 0 otherwise")
    assert tried >= 3000
    assert 300 < read < tried


def test_that_annotations_outside_the_video_are_kept_out_and_told() -> None:
    spans = [LabelledSpan("a", -1, 2), LabelledSpan("b", 1, 2), LabelledSpan("c", 8, 10.03), LabelledSpan("d", 9, 10.2),
             LabelledSpan("e", 5), LabelledSpan("f", 10, 10), LabelledSpan("g", 99)]  # fmt: skip
    kept, notes = within(spans, 10.0)
    assert [(one.label, one.start_s, one.end_s) for one in kept] == [("b", 1, 2), ("c", 8, 10), ("e", 5, 10)]
    assert notes[0].startswith("4 annotations outside the video (0 to 10.000 s) left out; the first is 'a', -1 to 2 s")
    assert notes[1] == "1 end up to 0.05 s past the video's end put on it"
    assert within([LabelledSpan("b", 1, 2)], 10.0)[1] == []


def test_that_each_label_has_a_track_without_overlaps() -> None:
    spans = [LabelledSpan("run", 3, 5, 0.5, "x"), LabelledSpan("run", 1, 2), LabelledSpan("jump", 4, 6),
             LabelledSpan("run", 4, 4.5, 0.75, "y"), LabelledSpan("run", 5, 7), LabelledSpan("meow", 2, 2)]  # fmt: skip
    doc, notes = tracks_of(spans, ["rest", "jump"])
    assert [(tier.name, tier.kind) for tier in doc.tiers] == [
        ("rest", "segments"), ("jump", "segments"), ("run", "segments"), ("meow", "points")
    ]  # fmt: skip
    run = doc.tiers[2].segments
    assert [(one.start_s, one.end_s, one.text, one.confidence) for one in run] == [
        (1, 2, "", 1), (3, 5, "x; y", 0.75), (5, 7, "", 1)
    ]  # fmt: skip
    assert notes == ["1 span overlapped another of the same label and were joined with it"]
    assert [one.label for one in spans_of(doc)] == ["run", "meow", "run", "jump", "run"]
    assert totals(doc) == {"rest": (0, 0), "jump": (1, 2), "run": (3, 5), "meow": (1, 0)}


def test_that_a_video_finds_its_annotations_by_its_name() -> None:
    file = LabelFile("", [AnnotatedVideo("v_one", [LabelledSpan("a")]),
                          AnnotatedVideo("films/Two.mp4", [LabelledSpan("b")]),
                          AnnotatedVideo("films/Two.mp4", [LabelledSpan("c")], split="test")])  # fmt: skip
    for path, labels in (("x/one.mkv", ["a"]), ("two.mp4", ["b", "c"]), ("two.avi", ["b", "c"]), ("three.mp4", None)):
        found = file.of(Path(path))
        assert (found and [one.label for one in found.spans]) == labels, path
    assert LabelFile("", [AnnotatedVideo("", [LabelledSpan("z")])]).of(Path("any.mp4")) is not None
