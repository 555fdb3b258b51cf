"""Code that changed while a run waited: a call executes only if its tool accepts what was recorded."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from runs import ANYTHING, APPROVAL, NO, YES, Ledger, agent_of, parked, results

from adjourn.actors import Agent, Tool, ToolContext, client_tool, make_tool, tool
from adjourn.actors.runtime.contracts import contract_fault
from adjourn.actors.testing import calls, inspect, open_test_system, says
from adjourn.protocol.errors import DecisionInvalid, Stranded
from adjourn.protocol.record import OnExpiry, Record, SpecEntry
from adjourn.stores.memory import MemoryStore

ARGUMENTS = {"disk": "sda"}
DISK = {
    "type": "object",
    "properties": {"disk": {"type": "string"}},
    "required": ["disk"],
    "additionalProperties": False,
}


def wipe(ledger: Ledger, parameters: dict[str, Any] = DISK, **options: Any) -> Tool:
    async def work(arguments: dict[str, Any], context: ToolContext) -> str:
        ledger.begun.append(context.tool_call_id)
        return f"wiped {arguments}"

    return make_tool("wipe", "Wipes a disk.", parameters, work, **options)


async def waiting_in(store: MemoryStore, *, then: Callable[[Ledger], Tool] | None = None) -> Ledger:
    """Leaves a run `r1` in the store that waits at a gated call of `wipe`."""
    ledger = Ledger()
    made = then(ledger) if then else wipe(ledger, decision=APPROVAL)
    agent = agent_of(calls(("wipe", ARGUMENTS)), says("done"), tools=[made])
    async with open_test_system(agent, store=store) as system:
        await parked(await system.start(agent, "go", run_id="r1"))
    return ledger


def other(tool_: Tool) -> Agent:
    return agent_of(says("done"), says("done"), tools=[tool_])


CHANGED: dict[str, tuple[Callable[[Ledger], Tool], str]] = {
    "the gate is gone": (lambda ledger: wipe(ledger), "takes no decision today"),
    "the decision has another type": (lambda ledger: wipe(ledger, decision={"type": "boolean"}), "another decision"),
    "the decision wants more": (
        lambda ledger: wipe(
            ledger,
            decision={
                "type": "object",
                "properties": {"approved": {"type": "boolean"}, "ticket": {"type": "string"}},
                "required": ["approved", "ticket"],
                "additionalProperties": False,
            },
        ),
        "'ticket'",
    ),
    "a parameter was added": (
        lambda ledger: wipe(
            ledger,
            {**DISK, "properties": {**DISK["properties"], "force": {"type": "boolean"}}, "required": ["disk", "force"]},
            decision=APPROVAL,
        ),
        "other arguments today",
    ),
    "a parameter was renamed": (
        lambda ledger: wipe(
            ledger,
            {"type": "object", "properties": {"device": {"type": "string"}}, "additionalProperties": False},
            decision=APPROVAL,
        ),
        "other arguments today",
    ),
    "clients execute it": (
        lambda ledger: client_tool("wipe", "Wipes a disk.", DISK, decision=APPROVAL),
        "executed by the client today",
    ),
}


@pytest.mark.parametrize("decision", [YES, NO], ids=["yes", "no"])
@pytest.mark.parametrize("change", CHANGED)
async def test_a_decision_is_taken_only_by_code_that_can_execute_it(change: str, decision: Any) -> None:
    """The agent's code changed while the run waited: the tool executed, or the answer was gone."""
    store = MemoryStore()
    ledger = await waiting_in(store)
    today, says_ = CHANGED[change]
    async with open_test_system(other(today(ledger)), store=store) as system:
        before = (await system.head("r1")).version
        with pytest.raises(Stranded, match=says_) as told:
            await system.resume("r1", decision)
        assert told.value.data["runId"] == "r1"
        assert (await system.head("r1")).version == before, "nothing was consumed"
        assert (await system.get("r1")).snapshot.status == "paused"
    assert ledger.begun == []
    async with open_test_system(other(wipe(ledger, decision=APPROVAL)), store=store) as system:
        await system.resume("r1", YES)
        assert (await system.run("r1").wait_ended()).status == "completed"
    assert len(ledger.begun) == 1


@pytest.mark.parametrize("change", CHANGED)
async def test_a_snapshot_says_that_a_call_cannot_be_decided_by_this_code(change: str) -> None:
    store = MemoryStore()
    ledger = await waiting_in(store)
    today, says_ = CHANGED[change]
    async with open_test_system(other(today(ledger)), store=store) as system:
        (head,) = (await system.list()).heads
        assert says_ in (await system.stranded(head) or "")
        assert says_ in ((await system.get("r1")).stranded or "")
        assert inspect(system).active == [], "to look wakes no run"


@pytest.mark.parametrize("change", CHANGED)
async def test_a_no_needs_no_code_and_works_also_after_a_deploy(change: str) -> None:
    store = MemoryStore()
    ledger = await waiting_in(store)
    async with open_test_system(other(CHANGED[change][0](ledger)), store=store) as system:
        await system.decline("r1", reason="not today")
        assert results(await system.run("r1").wait_ended()) == ["This call was declined: not today"]
    assert ledger.begun == []


async def test_a_default_decision_does_not_execute_in_code_that_takes_none(autojump_clock: Any) -> None:
    store = MemoryStore()
    default = OnExpiry(action="decide", decision=YES)
    ledger = await waiting_in(
        store, then=lambda ledger: wipe(ledger, decision=APPROVAL, decision_timeout_s=60, on_expiry=default)
    )
    async with open_test_system(other(wipe(ledger)), store=store, clock=lambda: 2_000_000_000) as system:
        with pytest.raises(Stranded):
            await inspect(system).tick("r1")
        assert (await system.abort("r1")).status == "aborted"
    assert ledger.begun == []


async def test_a_wider_schema_takes_what_was_recorded() -> None:
    store = MemoryStore()
    ledger = await waiting_in(store)
    wider = wipe(ledger, ANYTHING, decision={"type": "object"})
    async with open_test_system(other(wider), store=store) as system:
        (head,) = (await system.list()).heads
        assert await system.stranded(head) is None
        await system.resume("r1", YES)
        assert (await system.run("r1").wait_ended()).status == "completed"
    assert len(ledger.begun) == 1


async def test_a_decision_that_only_the_python_type_refuses_consumes_nothing() -> None:
    from pydantic import BaseModel, field_validator

    class Verdict(BaseModel):
        word: str

        @field_validator("word")
        @classmethod
        def known(cls, word: str) -> str:
            if word != "please":
                raise ValueError("say please")
            return word

    done: list[str] = []

    @tool(decision=Verdict)
    async def wipe_all(decision: Verdict) -> str:
        done.append(decision.word)
        return "wiped"

    agent = agent_of(calls(("wipe_all", {})), says("done"), tools=[wipe_all])
    async with open_test_system(agent) as system:
        run = await system.start(agent, "go")
        await parked(run)
        with pytest.raises(DecisionInvalid, match="say please"):
            await run.resume({"word": "now"})
        await run.resume({"word": "please"})
        assert (await run.wait_ended()).status == "completed"
    assert done == ["please"]


def test_equal_contracts_have_no_fault_and_annotations_are_none() -> None:
    ledger = Ledger()
    recorded = wipe(ledger, decision=APPROVAL)
    described = wipe(ledger, {**DISK, "title": "Which one"}, decision={**APPROVAL, "description": "Sure?"})
    assert contract_fault(recorded.spec, described, ARGUMENTS) is None
    assert contract_fault(recorded.spec, described, ARGUMENTS, YES) is None


# A range that ECMA-262 lacks, and a circular reference: an earlier version accepted both.
UNUSABLE: dict[str, Any] = {"type": "object", "properties": {"reason": {"pattern": r"^[\w-.]+$"}}}
CIRCLE: dict[str, Any] = {"type": "object", "anyOf": [{"$ref": "#"}]}


class EarlierStore(MemoryStore):
    """A store whose runs have recorded other schemas of `wipe`, which an earlier version accepted."""

    def __init__(self, **schemas: Any) -> None:
        super().__init__()
        self.schemas = schemas

    async def load(self, run_id: str) -> Record | None:
        record = await super().load(run_id)
        if record is None:
            return None
        spec_entry, *others = record.journal
        assert isinstance(spec_entry, SpecEntry)
        tools = tuple(msgspec.structs.replace(spec, **self.schemas) for spec in spec_entry.spec.tools)
        spec = msgspec.structs.replace(spec_entry.spec, tools=tools)
        head = msgspec.structs.replace(record.head, spec_digest="of another spec")
        return Record(head=head, journal=(SpecEntry(spec=spec), *others))


@pytest.mark.parametrize("schema", [UNUSABLE, CIRCLE], ids=["pattern", "circle"])
async def test_a_run_whose_recorded_decision_schema_is_unusable_today_is_stranded_and_loses_nothing(
    schema: dict[str, Any],
) -> None:
    store = EarlierStore(decision=schema)
    ledger = await waiting_in(store)
    async with open_test_system(other(wipe(ledger, decision=APPROVAL)), store=store) as system:
        assert "schema that can't be used today" in ((await system.get("r1")).stranded or "")
        before = (await system.head("r1")).version
        with pytest.raises(Stranded, match="can't be used today") as told:
            await system.resume("r1", YES)
        assert told.value.data["toolCallId"]
        assert (await system.head("r1")).version == before, "nothing was consumed"
        assert (await system.get("r1")).snapshot.status == "paused"
    assert ledger.begun == []
    store.schemas = {}
    async with open_test_system(other(wipe(ledger, decision=APPROVAL)), store=store) as system:
        await system.resume("r1", YES)
        assert (await system.run("r1").wait_ended()).status == "completed"
    assert len(ledger.begun) == 1


async def test_such_a_run_can_be_declined_and_aborted() -> None:
    for answer in ("decline", "abort"):
        store = EarlierStore(decision=UNUSABLE)
        ledger = await waiting_in(store)
        async with open_test_system(other(wipe(ledger, decision=APPROVAL)), store=store) as system:
            await getattr(system, answer)("r1")
            assert (await system.run("r1").wait_ended()).status in ("completed", "aborted")
        assert ledger.begun == []


async def test_arguments_are_not_edited_where_their_recorded_schema_is_unusable_today() -> None:
    store = EarlierStore(parameters=UNUSABLE, editable=True)
    ledger = await waiting_in(store)
    async with open_test_system(other(wipe(ledger, decision=APPROVAL, editable=True)), store=store) as system:
        (pending,) = (await system.get("r1")).snapshot.pending
        with pytest.raises(Stranded, match="can't be used today"):
            await system.resume("r1", YES, digest=pending.digest, arguments={"disk": "sdb"})
        await system.resume("r1", YES)
        assert (await system.run("r1").wait_ended()).status == "completed"
    assert len(ledger.begun) == 1


async def test_the_model_is_told_of_a_tool_whose_recorded_schema_is_unusable_today() -> None:
    store = EarlierStore(parameters=UNUSABLE)
    ledger = await waiting_in(store)
    agent = agent_of(calls(("wipe", ARGUMENTS)), says("done"), tools=[wipe(ledger, decision=APPROVAL)])
    async with open_test_system(agent, store=store) as system:
        await system.decline("r1")
        ended = await system.run("r1").wait_ended()
        assert ended.status == "completed"
        assert "can't be called: the recorded schema of its parameters can't be used today" in results(ended)[-1]
    assert ledger.begun == []
