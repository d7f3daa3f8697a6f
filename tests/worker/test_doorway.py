"""Who may talk to the worker, and what happens to those who may not."""

from __future__ import annotations

import os
import socket
import stat
import sys
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path

import msgspec
import pytest

from tests.plugins.fixtures import worker_process
from workbench.core import events as ev
from workbench.runner.local import LocalRunner
from workbench.store.address import WorkerAddress, announced, call
from workbench.store.home import Home
from workbench.worker.doorway import LONGEST_PATH_BYTES, YOUNG_S, Doorway, owned_folder, sweep

posix = sys.platform != "win32"


@pytest.fixture
def address(runner: LocalRunner, home: Home) -> WorkerAddress:
    """Where a running worker listens."""
    runner.attach().result(60)
    found = announced(home)
    assert found is not None
    return found


def greeted(address: WorkerAddress, hello: ev.AnyRequest) -> tuple[Connection, ev.AnyAnswer]:
    channel = call(address)
    channel.send_bytes(ev.encode(hello))
    return channel, ev.decode_answer(channel.recv_bytes())


def test_that_a_wrong_key_is_refused_and_the_worker_lives_on(
    address: WorkerAddress, runner: LocalRunner, home: Home
) -> None:
    with pytest.raises(AuthenticationError):
        call(msgspec.structs.replace(address, key="00" * 32))
    assert worker_process(home).pid == address.pid
    greeted(address, ev.Hello())[0].close()


def test_that_another_protocol_is_refused_with_a_reason(address: WorkerAddress) -> None:
    channel, answer = greeted(address, ev.Hello(protocol=ev.PROTOCOL + 1))
    assert isinstance(answer, ev.Reply) and answer.problem is not None
    assert str(ev.PROTOCOL + 1) in answer.problem.received
    with pytest.raises((EOFError, ConnectionResetError)):
        channel.recv_bytes()


def test_that_a_client_must_greet_first(address: WorkerAddress) -> None:
    _, answer = greeted(address, ev.Shutdown(now=True))
    assert isinstance(answer, ev.Reply) and answer.problem is not None
    greeted(address, ev.Hello())[0].close()


def test_that_a_silent_connection_keeps_nobody_else_out(address: WorkerAddress) -> None:
    silent = [Client(address.address) for _ in range(5)]
    channel, answer = greeted(address, ev.Hello())
    assert isinstance(answer, ev.Reply) and answer.problem is None
    for one in (*silent, channel):
        one.close()


def test_that_a_garbled_request_gets_a_problem_and_the_connection_stays(address: WorkerAddress) -> None:
    channel, _ = greeted(address, ev.Hello())
    channel.send_bytes(b"\x80\x04pickle?")
    channel.send_bytes(ev.encode(ev.Status(ticket=7)))
    replies = []
    while len(replies) < 2:
        answer = ev.decode_answer(channel.recv_bytes())
        if isinstance(answer, ev.Reply):
            replies.append(answer)
    assert replies[0].problem is not None
    assert replies[1] == ev.Reply(ticket=7)
    channel.close()


def test_that_only_the_owner_can_read_key_and_socket(address: WorkerAddress, home: Home) -> None:
    assert not posix or stat.S_IMODE(home.worker.stat().st_mode) == 0o600
    assert not posix or stat.S_IMODE(Path(address.address).parent.stat().st_mode) == 0o700


def test_that_a_loose_socket_folder_is_closed_before_use(home: Home) -> None:
    home.socket_folder().mkdir()
    home.socket_folder().chmod(0o777)
    assert stat.S_IMODE(owned_folder(home).stat().st_mode) == 0o700


def test_that_a_link_in_place_of_the_socket_folder_is_not_followed(home: Home, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    home.socket_folder().symlink_to(trap)
    try:
        folder = owned_folder(home)
        assert folder not in (trap, home.socket_folder())
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        folder.rmdir()
    finally:
        home.socket_folder().unlink()


def test_that_a_long_temporary_folder_still_gives_a_short_socket_path(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    folder = owned_folder(home)
    assert len(os.fsencode(folder)) < LONGEST_PATH_BYTES - 20
    folder.rmdir()


def test_that_a_doorway_leaves_no_folder_behind(home: Home) -> None:
    doorway = Doorway(home, lambda channel, secret: channel.close())
    assert not posix or home.socket_folder().is_dir()
    doorway.close()
    assert not home.socket_folder().exists()


def aged(folder: Path) -> Path:
    """A folder as it is long after its worker began."""
    then = folder.stat().st_mtime - 2 * YOUNG_S
    os.utime(folder, (then, then))
    return folder


def test_that_folders_of_killed_workers_are_swept_and_others_are_left(tmp_path: Path) -> None:
    if not posix:
        return
    names = ("killed", "empty", "used", "begun", "strange")
    killed, empty, used, begun, strange = (tmp_path / f"workbench-{os.getuid()}-{one}" for one in names)
    other = tmp_path / "workbench-seat-1"
    for folder in (killed, empty, used, begun, strange, other):
        folder.mkdir()
    (strange / "letter").write_text("mine")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(used / "a.sock"))
        listening.listen()
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(str(killed / "b.sock"))
        for folder in (killed, empty, used, strange, other):
            aged(folder)
        sweep(tmp_path, keep=tmp_path / "mine")
        assert sorted(tmp_path.iterdir()) == sorted((used, begun, strange, other))
        sweep(tmp_path, keep=tmp_path / "mine")
        assert used.is_dir(), "asking whether somebody listens disturbs nobody"
