"""The door: limits of connections, handshakes and failed logins per peer and in total; and the rate-limited log."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from adjourn.actors.gateway import GatewayLimits, door
from adjourn.actors.gateway.door import Door, FailedLogins, Guest, peer_of
from adjourn.actors.gateway.refusal import Refusal
from adjourn.actors.gateway.sparse_log import SparseLog
from adjourn.protocol.errors import InvalidParams


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def limit_of(found: Guest | Refusal) -> str | None:
    """Returns the limit that a client ran into; None if it was accepted."""
    return found.limit if isinstance(found, Refusal) else None


def let_in(found: Guest | Refusal) -> Guest:
    assert isinstance(found, Guest)
    return found


# Connections and handshakes.


@pytest.mark.parametrize(
    ("limits", "second", "limit", "status"),
    [
        (GatewayLimits(max_connections=1), "10.0.0.2", "max_connections", 503),
        (GatewayLimits(max_connections_per_peer=1), "10.0.0.1", "max_connections_per_peer", 429),
        (GatewayLimits(max_handshakes=1), "10.0.0.2", "max_handshakes", 503),
        (GatewayLimits(max_handshakes_per_peer=1), "10.0.0.1", "max_handshakes_per_peer", 429),
    ],
)
def test_a_client_over_a_limit_gets_the_limit_and_retry_after(
    limits: GatewayLimits, second: str, limit: str, status: int
) -> None:
    entrance = Door(limits, Clock())
    first = let_in(entrance.enter("10.0.0.1"))
    refusal = entrance.enter(second)
    assert isinstance(refusal, Refusal)
    assert (refusal.limit, refusal.status) == (limit, status)
    assert refusal.retry_after_s
    if "handshakes" in limit:
        first.handshake_over()
    else:
        first.handshake_over()
        assert limit_of(entrance.enter(second)) == limit
        first.leave()
    let_in(entrance.enter(second))


def test_without_a_limit_per_peer_the_total_limit_holds() -> None:
    limits = GatewayLimits(max_connections=3, max_connections_per_peer=None, max_handshakes_per_peer=None)
    entrance = Door(limits, Clock())
    assert [limit_of(entrance.enter("127.0.0.1")) for _ in range(4)] == [None, None, None, "max_connections"]


def test_a_guest_is_counted_out_only_once() -> None:
    entrance = Door(GatewayLimits(max_connections=2), Clock())
    guests = [let_in(entrance.enter("::1")) for _ in range(2)]
    for _ in range(2):
        guests[0].handshake_over()
        guests[0].leave()
    assert (entrance.connections.total, entrance.handshakes.total) == (1, 1)
    guests[1].leave()
    assert entrance.connections.by_peer == entrance.handshakes.by_peer == {}


def test_all_addresses_of_an_ipv6_network_are_one_peer() -> None:
    assert peer_of("2001:db8::1") == peer_of("2001:db8:0:0:ffff::2") != peer_of("2001:db8:0:1::1")
    assert peer_of("::ffff:192.0.2.1") == peer_of("192.0.2.1") != peer_of("192.0.2.2")
    assert peer_of("fe80::1%eth0") == peer_of("fe80::2%eth1")
    assert peer_of("gone") == "gone"


@given(st.lists(st.tuples(st.sampled_from(["enter", "settle", "leave", "fail"]), st.integers(0, 3))))
@examples(500)
def test_limits_and_counts_hold_in_any_order_of_connects_and_disconnects(steps: list[tuple[str, int]]) -> None:
    limits = GatewayLimits(max_connections=4, max_connections_per_peer=3, max_handshakes=3, max_handshakes_per_peer=2)
    entrance = Door(limits, Clock())
    here: list[tuple[str, Guest]] = []
    shaking: set[Guest] = set()
    for step, number in steps:
        if step == "enter":
            address = f"10.0.0.{number}"
            found = entrance.enter(address)
            has_room = (
                len(here) < 4
                and len(shaking) < 3
                and sum(at == address for at, _ in here) < 3
                and sum(at == address and guest in shaking for at, guest in here) < 2
            )
            assert isinstance(found, Guest) is has_room
            if isinstance(found, Guest):
                here.append((address, found))
                shaking.add(found)
        elif number < len(here):
            guest = here[number][1]
            if step == "settle":
                guest.handshake_over()
                shaking.discard(guest)
            elif step == "leave":
                guest.leave()
                shaking.discard(guest)
                del here[number]
        assert (entrance.connections.total, entrance.handshakes.total) == (len(here), len(shaking))


# Failed logins.


def test_after_too_many_failed_logins_a_peer_waits_and_others_do_not() -> None:
    clock = Clock()
    entrance = Door(GatewayLimits(max_failed_logins=3, failed_logins_s=60), clock)
    for _ in range(3):
        guest = let_in(entrance.enter("10.0.0.1"))
        guest.login_failed()
        guest.leave()
    refusal = entrance.enter("10.0.0.1")
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.limit, refusal.retry_after_s) == (429, "max_failed_logins", 20)
    let_in(entrance.enter("10.0.0.2"))
    clock.now += 20
    let_in(entrance.enter("10.0.0.1")).login_failed()
    assert limit_of(entrance.enter("10.0.0.1")) == "max_failed_logins"


def test_failed_logins_have_no_limit_if_it_is_none() -> None:
    entrance = Door(GatewayLimits(max_failed_logins=None), Clock())
    for _ in range(100):
        guest = let_in(entrance.enter("10.0.0.1"))
        guest.login_failed()
        guest.leave()
    with pytest.raises(InvalidParams, match="max_failed_logins"):
        Door(GatewayLimits(max_failed_logins=0), Clock())


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 5))
@examples(300)
def test_no_timing_of_logins_gets_past_the_rate_limit(pauses: list[float], maximum: int) -> None:
    clock = Clock()
    failed, tries = FailedLogins(maximum, 60, clock), 0
    for pause in pauses:
        clock.now += pause
        if failed.wait_s("a") == 0:
            failed.note("a")
            tries += 1
    assert tries <= maximum + sum(pauses) * maximum / 60 + 1e-6


def test_concurrent_failed_logins_lengthen_the_wait() -> None:
    clock = Clock()
    failed = FailedLogins(10, 60, clock)
    for _ in range(100):  # all were accepted before the first one failed
        failed.note("a")
    assert failed.wait_s("a") == pytest.approx(600 - 54)


def test_many_failing_addresses_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_PEERS", 3)
    failed = FailedLogins(1, 60, Clock())
    for peer in "abacd":
        failed.note(peer)
    assert len(failed) == 3
    assert [peer for peer in "abcd" if failed.wait_s(peer)] == ["a", "c", "d"]


# The log.


def test_warnings_of_one_kind_are_rate_limited_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    log = SparseLog(logging.getLogger("adjourn.gateway"), clock)
    for number in range(100):
        log.warning("a", "no to %s", number)
    log.warning("b", "no to %s", "b")
    clock.now += 10
    log.warning("a", "no to %s", 100)
    log.warning("a", "no to %s", 101)
    assert caplog.messages == ["no to 0", "no to b", "no to 100 (and 99 more since the last such line)"]
