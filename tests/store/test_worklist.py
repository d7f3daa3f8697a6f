from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.core.review import case_id, tally
from workbench.core.volumes import Label, VolumeMeta
from workbench.store.readings import keep_meta, read_signed, sign
from workbench.store.worklist import HEAD, NAME, Worklist, audit


@pytest.fixture
def worklist(tmp_path):
    found = Worklist(tmp_path / "review")
    found.add_cases("Ada", [(f"/data/{name}.nii.gz", name) for name in "abc"])
    return found


def ids(worklist):
    return list(worklist.cases)


def test_that_states_comments_and_times_follow_from_the_log_by_reader(worklist):
    first, second, _ = ids(worklist)
    worklist.write("Ada", "looked", case=first, seconds=4.5)
    worklist.write("Ada", "looked", case=first, seconds=2.0)
    worklist.write("Ada", "state", case=first, state="corrected", dice={"core": 0.9}, model="m 1", reading="x")
    worklist.write("Bob", "state", case=first, state="rejected", text="motion")
    worklist.write("Bob", "comment", case=second, text="see the left side")
    again = Worklist(worklist.folder)
    assert again.refresh() and again.cases == worklist.cases
    case = again.cases[first]
    assert (case.state_for("Ada"), case.state_for("Bob"), case.state) == ("corrected", "rejected", "rejected")
    assert case.seconds_for("Ada") == 6.5 and case.seconds_for("Bob") == 0
    assert case.readings["Ada"].dice == {"core": 0.9} and case.readings["Ada"].model == "m 1"
    assert [(one.who, one.text) for one in case.comments] == [("Bob", "motion")]
    assert tally(again.cases.values(), "Ada") == {
        "pending": 2, "in work": 0, "accepted": 0, "corrected": 1, "rejected": 0}  # fmt: skip


def test_that_a_case_is_on_the_list_once_and_can_be_taken_off_it(worklist):
    assert worklist.add_cases("Bob", [("/data/a.nii.gz", "a"), ("/data/d.nii.gz", "d")])[0].title == "d"
    worklist.write("Bob", "removed", case=ids(worklist)[0])
    assert [one.title for one in worklist.cases.values()] == ["b", "c", "d"]
    assert audit(worklist.folder).faults == ()


def test_that_windows_writing_at_once_lose_no_entry(worklist):
    def write(who):
        mine = Worklist(worklist.folder)
        for number in range(15):
            mine.write(who, "comment", case=ids(worklist)[0], text=str(number))

    threads = [threading.Thread(target=write, args=(who,)) for who in ("Ada", "Bob", "Cy")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    worklist.refresh()
    told = worklist.cases[ids(worklist)[0]].comments
    for who in ("Ada", "Bob", "Cy"):
        assert [one.text for one in told if one.who == who] == [str(number) for number in range(15)]
    assert audit(worklist.folder).lines == 48 and audit(worklist.folder).faults == ()


def test_that_a_writer_killed_at_any_moment_costs_no_entry_that_was_said_to_be_written(tmp_path):
    code = (
        "import sys; from pathlib import Path; from workbench.store.worklist import Worklist\n"
        "w = Worklist(Path(sys.argv[1])); w.add_cases('Ada', [('/a', 'a')]); n = 0\n"
        "while True:\n w.write('Ada', 'comment', case=next(iter(w.cases)), text=str(n)); print(n, flush=True); n += 1\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    for _ in range(20):
        process.stdout.readline()
    process.kill()
    told = 19 + len(process.stdout.read().splitlines())
    process.wait()
    worklist = Worklist(tmp_path)
    worklist.write("Bob", "comment", case=case_id(tmp_path.__class__("/a")), text="after")
    texts = [one.text for one in worklist.cases[case_id(tmp_path.__class__("/a"))].comments]
    assert texts[: told + 1] == [str(number) for number in range(told + 1)] and texts[-1] == "after"
    assert audit(tmp_path).faults == ()


def test_that_a_torn_last_line_is_told_set_aside_and_written_past(worklist):
    whole = (worklist.folder / NAME).read_bytes()
    (worklist.folder / NAME).write_bytes(whole + b'{"number":4,"at":"20')
    assert "torn" in audit(worklist.folder).faults[0]
    fresh = Worklist(worklist.folder)
    assert fresh.refresh() and len(fresh.cases) == 3
    fresh.write("Ada", "comment", case=ids(worklist)[0], text="on")
    assert audit(worklist.folder).faults == ()
    assert [one.read_bytes() for one in worklist.folder.glob("torn-*")] == [b'{"number":4,"at":"20']


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (lambda lines: [lines[0].replace(b"Ada", b"Eve"), *lines[1:]], "line 2 does not follow"),
        (lambda lines: [lines[0], lines[2]], "line 2 bears the number 3"),
        (lambda lines: lines[:2], "its end was changed"),
        (lambda lines: [*lines[:2], lines[2].replace(b"Ada", b"Eve")], "its end was changed"),
        (lambda lines: [lines[0], b"{", lines[2]], "line 2 cannot be read"),
    ],
)
def test_that_changes_to_the_log_are_told(worklist, tamper, told):
    path = worklist.folder / NAME
    path.write_bytes(b"".join(line + b"\n" for line in tamper(path.read_bytes().splitlines())))
    assert told in " ".join(audit(worklist.folder).faults)


def test_that_a_log_written_anew_as_a_whole_is_told_by_a_digest_noted_earlier(worklist):
    noted = audit(worklist.folder).head
    assert audit(worklist.folder, head=noted).faults == ()
    (worklist.folder / NAME).unlink()
    (worklist.folder / HEAD).unlink()
    Worklist(worklist.folder).add_cases("Eve", [("/data/z", "z")])
    assert audit(worklist.folder).faults == ()
    assert noted in audit(worklist.folder, head=noted).faults[0]


def test_that_signed_labels_come_back_and_their_dice_is_the_overlap(tmp_path):
    before = np.zeros((4, 6, 6), np.uint8)
    before[1:3, 1:3, 1:3] = 1
    after = before.copy()
    after[1, 3, 1:3] = 1
    signed = sign(tmp_path, "case", after, before, {1: "core"})
    keep_meta(tmp_path, signed.file, VolumeMeta(labels=(Label(1, "core"),)))
    assert signed.dice == {"core": pytest.approx(2 * 8 / (8 + 10), abs=1e-6)} and signed.changed == 2
    array, meta = read_signed(tmp_path, signed.file, signed.after)
    assert np.array_equal(array, after) and meta.labels[0].name == "core"
    with pytest.raises(InputError, match="not the labels that were signed"):
        read_signed(tmp_path, signed.file, signed.before)
