"""The gateway's parts that need no socket: tokens, the order of subscriptions, frames, changes of the run list."""

from typing import Any

import pytest

from adjourn.actors.gateway import Gateway, changes
from adjourn.actors.gateway.access import Credentials, token_authenticator, token_of
from adjourn.actors.gateway.changes import Changes
from adjourn.actors.gateway.framing import Framing
from adjourn.actors.gateway.subscriptions import Subscriptions
from adjourn.actors.runtime.eventlog import EventLog
from adjourn.protocol import rpc
from adjourn.protocol.errors import InvalidParams, LimitExceeded
from adjourn.protocol.events import AgentEnd, Status, TurnStart
from adjourn.protocol.loopback import is_loopback
from adjourn.protocol.methods import RunsWatch
from adjourn.protocol.record import Head


def head(run_id: str, status: Status = "running", version: int = 1) -> Head:
    return Head(id=run_id, status=status, agent="a", nonce="n", version=version)


def log(run_id: str, events: int) -> EventLog:
    made = EventLog(run_id)
    made.publish([TurnStart(turn=turn) for turn in range(1, events + 1)], 0)
    return made


class Woken:
    """Counts calls."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


# Tokens.


@pytest.mark.parametrize(
    ("headers", "offered", "token"),
    [
        ({}, [], None),
        ({"authorization": "Bearer abc"}, [], "abc"),
        ({"authorization": "bearer abc "}, [], "abc"),
        ({"authorization": "Basic abc"}, [], None),
        ({"authorization": "Bearer "}, ["adjourn.token.eA"], "x"),
        ({"authorization": "Bearer abc"}, ["adjourn.token.eA"], "abc"),
        ({}, ["adjourn.v1+json", "adjourn.token.w7xfPz4"], "ü_?>"),
        ({}, ["adjourn.token._w"], None),
        ({}, ["adjourn.token.a"], None),
    ],
)
def test_a_token_is_read_from_the_header_or_the_subprotocol(
    headers: dict[str, str], offered: list[str], token: str | None
) -> None:
    assert token_of(headers, offered) == token


async def test_only_the_exact_token_is_accepted() -> None:
    authenticate = token_authenticator("secret", name="ops")
    known = await authenticate(Credentials("secret", {}, "peer"))
    assert known is not None
    assert known.name == "ops"
    for token in (None, "", "secre", "secrets", "s\udcffcret"):
        assert await authenticate(Credentials(token, {}, "peer")) is None
    with pytest.raises(InvalidParams):
        token_authenticator("")


def test_credentials_keep_their_secrets_when_printed() -> None:
    assert repr(Credentials("secret", {"cookie": "secret"}, "[::1]:9")) == "Credentials(peer='[::1]:9')"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", None, "example.org", "localhost.example.org"])
def test_other_hosts(host: str | None) -> None:
    assert not is_loopback(host)


def test_a_gateway_has_its_url() -> None:
    assert Gateway((("127.0.0.1", 1), ("::1", 2))).url == "ws://127.0.0.1:1"
    assert Gateway((("::1", 2),)).url == "ws://[::1]:2"


# Turns.


def take_all(subscriptions: Subscriptions, limit: int) -> list[tuple[str, int]]:
    taken: list[tuple[str, int]] = []
    while subscriptions.ready:
        for frame in payloads(b"".join(subscriptions.take(limit))):
            params = rpc.JSON.decode(frame, dict[str, Any])["params"]
            taken.append((params["runId"], params["seq"]))
    return taken


def test_runs_are_taken_in_turn_a_slice_each() -> None:
    subscriptions = Subscriptions(9, framing(), Woken())
    for run_id, events in (("a", 5), ("b", 3)):
        subscriptions.open(log(run_id, events), 0).begin()
    expected = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("a", 3), ("a", 4), ("b", 3), ("a", 5)]
    assert take_all(subscriptions, 2) == expected


def test_a_subscription_wakes_once_until_everything_is_taken() -> None:
    wake = Woken()
    subscriptions = Subscriptions(9, framing(), wake)
    watched = log("a", 0)
    subscriptions.open(watched, 0).begin()
    assert take_all(subscriptions, 2) == []
    for turn in range(3):
        watched.publish([TurnStart(turn=turn)], 0)
    assert wake.times == 2
    assert take_all(subscriptions, 9) == [("a", 1), ("a", 2), ("a", 3)]


def test_a_subscription_sends_nothing_before_begin_after_close_or_once_replaced() -> None:
    subscriptions = Subscriptions(9, framing(), Woken())
    watched = log("a", 2)
    first = subscriptions.open(watched, 0)
    assert not subscriptions.ready
    second = subscriptions.open(watched, 1)
    first.begin()
    second.begin()
    assert take_all(subscriptions, 9) == [("a", 2)]
    watched.publish([TurnStart(turn=3)], 0)
    subscriptions.close("a")
    assert take_all(subscriptions, 9) == []
    assert not watched.watched


def test_a_run_at_its_end_frees_its_place() -> None:
    subscriptions = Subscriptions(1, framing(), Woken())
    watched = log("a", 1)
    subscriptions.open(watched, 0).begin()
    with pytest.raises(LimitExceeded):
        subscriptions.check_room("b")
    subscriptions.check_room("a")
    watched.publish([AgentEnd(status="completed", reason="stop")], 0)
    assert take_all(subscriptions, 9) == [("a", 1), ("a", 2)]
    subscriptions.check_room("b")
    assert not watched.watched


# Frames.


def framing(form: rpc.Format = rpc.JSON, *, takes_batches: bool = False, max_batch_bytes: int = 1_000) -> Framing:
    return Framing(form, takes_batches=takes_batches, max_batch_bytes=max_batch_bytes)


def payloads(frames: bytes) -> list[bytes]:
    """Returns the payloads of these unmasked frames of up to 65,535 bytes."""
    found: list[bytes] = []
    while frames:
        size, start = (frames[1], 2) if frames[1] < 126 else (int.from_bytes(frames[2:4]), 4)
        found.append(frames[start : start + size])
        frames = frames[start + size :]
    return found


def test_a_client_without_batches_gets_a_frame_for_each_event_the_same_bytes_as_every_other() -> None:
    items = log("a", 3).open_cursor(0).take()
    assert len(payloads(b"".join(framing().frames(items)))) == 3
    kept = [item.frames and item.frames["json"] for item in items]
    assert b"".join(framing().frames(items)) == b"".join(frame for frame in kept if frame)
    assert all(item.frames and item.frames["json"] is frame for item, frame in zip(items, kept, strict=True))


@pytest.mark.parametrize("form", [rpc.JSON, rpc.MSGPACK], ids=["json", "msgpack"])
def test_a_client_with_batches_gets_them_up_to_the_cap_and_a_lone_event_as_it_is(form: rpc.Format) -> None:
    items = log("a", 30).open_cursor(0).take()
    batching = framing(form, takes_batches=True)
    batches = payloads(b"".join(batching.frames(items)))
    assert 1 < len(batches) < 30
    assert max(map(len, batches)) < 1_010
    decoded = [note for each in batches for note in form.decode(each, list[Any])]
    assert [note["params"]["seq"] for note in decoded] == list(range(1, 31))
    alone = payloads(b"".join(framing(form).frames(items)))
    assert payloads(b"".join(batching.frames(items[:1]))) == alone[:1]
    assert payloads(b"".join(framing(form, takes_batches=True, max_batch_bytes=1).frames(items))) == alone


# The list.


def watching(status: Status | None = None) -> tuple[Changes, Woken, Woken]:
    wake, overflow = Woken(), Woken()
    return Changes(RunsWatch(status=status), wake=wake, overflow=overflow), wake, overflow


def drain(watched: Changes) -> list[Any]:
    found: list[Any] = []
    while (change := watched.take()) is not None:
        found.append((change[0].id, change[0].version, change[1]))
    return found


def test_only_the_latest_change_of_each_run_waits() -> None:
    watched, wake, _ = watching()
    watched.note(head("a"), False)
    watched.note(head("b"), False)
    watched.note(head("a", version=2), False)
    watched.note(head("b", version=2), True)
    assert drain(watched) == [("a", 2, False), ("b", 2, True)]
    assert wake.times == 4


def test_a_watch_of_one_status_reports_a_run_that_leaves_it_once() -> None:
    watched, _, _ = watching("paused")
    seen: list[str] = []
    for status in ("running", "running", "paused", "paused", "completed", "completed"):
        watched.note(head("a", status), False)
        seen += [status] * len(drain(watched))
    assert seen == ["running", "paused", "paused", "completed"]


def test_too_many_changes_overflow_and_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_WAITING", 2)
    watched, _, overflow = watching()
    for run_id in "aab":
        watched.note(head(run_id), False)
    assert overflow.times == 0
    watched.note(head("c"), False)
    assert overflow.times == 1
    assert drain(watched) == []
