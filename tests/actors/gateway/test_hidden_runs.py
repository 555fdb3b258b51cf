"""Hidden runs: to a principal that may not see a run, it looks missing, also by the time of the answer."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples
from runs import APPROVAL
from trio.testing import MockClock

from adjourn.actors import ActorSystem, Agent, open_actor_system, tool
from adjourn.actors.gateway import Action, Authorizer, Principal
from adjourn.actors.gateway.cursors import SealedCursors
from adjourn.actors.gateway.guard import Guard
from adjourn.actors.gateway.nodes import Nodes
from adjourn.actors.gateway.procedures import Procedures
from adjourn.actors.testing import ScriptedModel, calls
from adjourn.protocol.errors import AdjournError, Forbidden, InvalidParams, LimitExceeded, RecordTooNew, RunIdConflict
from adjourn.protocol.methods import METHODS, RunList, RunPage, RunStart, ServerDescription
from adjourn.protocol.record import Record
from adjourn.stores.memory import MemoryStore

BOB = Principal("bob")
ABOUT_A_RUN = [
    name for name, method in METHODS.items() if "run_id" in method.params.__struct_fields__ and name != "run.start"
]
FIELDS = {"decision": True, "toolCallId": "c", "claimToken": "t", "result": "x"}


@tool(decision=APPROVAL)
async def refund(order: int, decision: dict[str, Any]) -> str:
    """Pay back."""
    return "paid"


async def own_runs(principal: Principal | None, action: Action) -> bool:
    """A slow authorizer: everyone may do everything, but only with their own runs."""
    await trio.sleep(0.03)
    return action.head is None or (principal is not None and action.owner == principal.name)


async def own_ids(principal: Principal | None, action: Action) -> bool:
    """The same, but everyone may also start runs only under their own ids."""
    if action.method == "run.start":
        await trio.sleep(0.03)
        return action.run_id is None or action.run_id.startswith("bob-")
    return await own_runs(principal, action)


class Slow(MemoryStore):
    """A slow store; one of its records can't be read."""

    async def load(self, run_id: str) -> Record | None:
        record = await super().load(run_id)
        await trio.sleep(0 if record is None else 0.05)
        if run_id == "new":
            raise RecordTooNew("written by a newer adjourn")
        return record


@asynccontextmanager
async def hidden(**options: Any) -> AsyncGenerator[ActorSystem]:
    """Yields a system with two runs of ada (`ada` waits, `over` has ended) and two of bob (`bob`, `new`).

    Runs that have not ended stay in memory for at most a second.
    """
    agent = Agent(name="shop", model=ScriptedModel([calls(("refund", {"order": 7}))] * 4), tools=(refund,))
    async with open_actor_system([agent], drain_s=0, store=Slow(), passivate_after_s=1, **options) as system:
        for run_id, by in (("over", "ada"), ("ada", "ada"), ("bob", "bob"), ("new", "bob")):
            await (await system.start("shop", "hello", run_id=run_id, by=by)).wait()
            if run_id == "over":
                await system.abort(run_id)
        yield system


async def answer(system: ActorSystem, method: str, run_id: str, authorizer: Authorizer = own_runs) -> Any:
    """Returns how bob's request is refused, without the run's id, and after how long."""
    kind = METHODS[method].params
    given = {name: value for name, value in FIELDS.items() if name in kind.__struct_encode_fields__}
    params = msgspec.convert({"runId": run_id, **given}, kind)
    before = trio.current_time()
    with pytest.raises(AdjournError) as refused:
        await Guard(system, BOB, authorizer).check(method, params)
    return *told(refused.value, run_id), pytest.approx(trio.current_time() - before)


def told(error: AdjournError, run_id: str) -> tuple[int, str, Any]:
    """Returns everything that a client reads of an error, without the run's id."""
    return error.code, error.message.replace(repr(run_id), "ID"), {**error.wire_data(), "runId": None}


@pytest.mark.parametrize("method", ABOUT_A_RUN)
async def test_every_method_treats_a_hidden_run_as_missing(method: str, autojump_clock: MockClock) -> None:
    async with hidden() as system:
        unknown = await answer(system, method, "unknown")
        assert unknown[2]["type"] == "runNotFound"
        assert await answer(system, method, "ada") == unknown
        assert await answer(system, method, "over") == unknown
        await trio.sleep(5)  # the run has left memory
        assert await answer(system, method, "ada") == unknown
        assert await answer(system, method, "new") == unknown


async def test_a_principal_that_may_see_a_run_gets_forbidden_for_other_actions(autojump_clock: MockClock) -> None:
    async def only_looks(principal: Principal | None, action: Action) -> bool:
        return action.method == "run.get"

    async with hidden() as system:
        for method in ABOUT_A_RUN:
            if method != "run.get":
                error = (await answer(system, method, "ada", only_looks))[1]
                assert error == f"bob may not {method} on run ID"


# Starting.


async def start(system: ActorSystem, authorizer: Authorizer | None, **params: Any) -> Any:
    """Starts a run as bob; returns how it is refused, without the id, and after how long."""
    guard = Guard(system, BOB, authorizer)
    procedures = Procedures(system, ServerDescription("", "", (), {}), guard, None, Nodes(system, None))
    wanted = RunStart(agent="shop", input="hello", **params)

    async def begin() -> None:
        await guard.check("run.start", wanted)
        await procedures.start(wanted)

    before = trio.current_time()
    with pytest.raises(AdjournError) as refused:
        await begin()
    waited = trio.current_time() - before
    return *told(refused.value, params.get("run_id") or params["after"]), pytest.approx(waited)


@pytest.mark.parametrize("taken", ["ada", "over", "new"])
async def test_a_start_with_a_hidden_runs_id_is_forbidden_as_if_by_the_authorizer(
    taken: str, autojump_clock: MockClock
) -> None:
    async with hidden() as system:
        await trio.sleep(5 if taken == "new" else 0)
        forbidden = await start(system, own_ids, run_id="free")
        assert (forbidden[0], forbidden[1]) == (
            Forbidden.code,
            "bob may not run.start with run id ID; another id, or none, may do",
        )
        assert await start(system, own_runs, run_id=taken) == forbidden
        assert await start(system, own_ids, run_id=taken) == forbidden


async def test_a_principal_that_may_see_the_run_gets_run_id_conflict(autojump_clock: MockClock) -> None:
    async with hidden() as system:
        for authorizer in (own_runs, None):
            code, *_ = await start(system, authorizer, run_id="bob", metadata={}, after="bob")
            assert code == RunIdConflict.code


async def test_a_full_server_answers_a_taken_id_as_a_free_one(autojump_clock: MockClock) -> None:
    async with hidden(max_runs=3) as system:
        full = await start(system, own_runs, run_id="free")
        assert full[0] == LimitExceeded.code
        for taken in ("ada", "over"):
            assert (await start(system, own_runs, run_id=taken))[:3] == full[:3]


async def test_no_run_continues_a_hidden_run(autojump_clock: MockClock) -> None:
    async with hidden() as system:
        await trio.sleep(5)
        unknown = await start(system, own_runs, after="unknown")
        assert unknown[2]["type"] == "runNotFound"
        for after in ("ada", "over", "new"):
            assert await start(system, own_runs, after=after) == unknown


# Lists.


async def test_lists_and_their_cursors_show_nothing_of_hidden_runs(autojump_clock: MockClock) -> None:
    async with hidden() as system:
        guard, cursors = Guard(system, BOB, own_runs), SealedCursors(bytes(32))
        procedures = Procedures(system, ServerDescription("", "", (), {}), guard, cursors, Nodes(system, None))
        shown, named, after = list[str](), list[str](), None
        for _ in range(4):
            page = await procedures.carry_out(RunList(limit=1, after=after))
            assert isinstance(page, RunPage)
            shown += [run.run_id for run in page.runs]
            after = page.after
            if after is not None:
                named.append(cursors.open(after).partition(".")[2])
                assert named[-1] not in after
        assert after is None
        assert {"ada", "over"} & set(named)  # the store's own cursors name hidden runs
        assert sorted(shown) == ["bob", "new"]
        with pytest.raises(InvalidParams):
            await procedures.carry_out(RunList(after=(await system.list(limit=1)).after))


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary(min_size=32, max_size=32))
@examples(300)
def test_a_sealed_cursor_opens_only_with_its_key(cursor: str, key: bytes) -> None:
    sealed = SealedCursors(key).seal(cursor)
    assert SealedCursors(key).open(sealed) == cursor
    assert sealed.isascii()
    with pytest.raises(InvalidParams):
        SealedCursors(bytes(a ^ 1 for a in key)).open(sealed)


@given(st.text(), st.integers(0), st.characters(exclude_categories=["Cs"]))
@examples(300)
def test_a_forged_or_changed_cursor_is_refused(text: str, at: int, other: str) -> None:
    cursors = SealedCursors(bytes(32))
    sealed = cursors.seal("1.ada")
    at %= len(sealed) - 1  # the last character has unused bits
    changed = sealed[:at] + other + sealed[at + 1 :]
    for given_back in (text, changed, sealed[:-2], "1.ada"):
        if given_back != sealed:
            with pytest.raises(InvalidParams):
                cursors.open(given_back)
