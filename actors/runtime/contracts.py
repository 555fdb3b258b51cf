"""Checks whether today's code can continue a recorded run, and explains differences as text for people.

A gate belongs to the record, not to today's code: a call executes only in code that accepts the recorded arguments and
decision. Compares plain data; loads no run and calls no tool.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from ...protocol.errors import DecisionInvalid, Stranded
from ...protocol.messages import AssistantMessage, ToolCall
from ...protocol.record import FINAL, Call, DecisionEntry, Head, History, MessageEntry, ToolSpec
from ...protocol.schema import SchemaInvalid, compile_schema
from ...protocol.transitions import StartTool, Transition
from ..agent import Agent
from ..tools.declared import Tool
from ..tools.gates import type_fault

__all__ = ["Contracts", "check_code", "contract_fault"]

MAX_KNOWN = 4096  # runs whose faults are cached
_UNDECIDED: Any = object()


class Contracts:
    """Checks which recorded runs the loaded agents can continue."""

    def __init__(self, agents: Mapping[str, Agent]) -> None:
        self.agents = agents
        self._known: OrderedDict[tuple[str, int], str | None] = OrderedDict()  # by run and version

    def agent_of(self, head: Head, history: History) -> Agent | None:
        """Returns the agent that can continue the run; None if its code is missing, or can't execute a decided call."""
        agent = self.agents.get(head.agent)
        if agent is None or _missing(agent, history) or _first_fault(agent, head, history, ("ready", "started")):
            return None
        return agent

    def quick_fault(self, head: Head) -> tuple[bool, str | None]:
        """Returns whether the answer is known without the record, and if it is, the same as `fault`."""
        if head.status in FINAL:
            return True, None
        agent = self.agents.get(head.agent)
        if agent is None:
            return True, f"agent {head.agent!r} is not loaded in this process"
        if head.spec_digest == agent.spec_digest:
            return True, None
        key = head.id, head.version
        return key in self._known, self._known.get(key)

    def fault(self, head: Head, history: History) -> str | None:
        """Returns why the run, or a waiting call of it, can't continue in this process; None if all can."""
        is_known, fault = self.quick_fault(head)
        if not is_known:
            agent = self.agents[head.agent]
            fault = _missing(agent, history) or _first_fault(agent, head, history, ("gated", "ready", "started"))
            self._known[head.id, head.version] = fault
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return fault


def check_code(agent: Agent, history: History, transition: Transition) -> None:
    """Checks that today's code can execute the calls that a transition decides or starts.

    Raises: Stranded if the tool's contract differs from the recorded one; DecisionInvalid if the value fits the schema
        but not the Python type of the decision or of the edited arguments.
    """
    head = transition.head
    assert head is not None
    message = history.turn_message
    decided: dict[str, DecisionEntry] = {}
    started: set[str] = set()
    for entry in transition.append:
        if type(entry) is DecisionEntry and entry.digest is not None:
            decided[entry.tool_call_id] = entry
        elif type(entry) is MessageEntry:
            message = entry.message
    for effect in transition.effects:
        if type(effect) is StartTool:
            started.add(effect.tool_call_id)
    if not (decided or started):
        return
    assert message is not None
    for call in head.calls:
        if call.id in started or (call.id in decided and call.phase in ("ready", "offered")):
            _check_call(agent, history, call, message, decided.get(call.id), head.id)


def _check_call(
    agent: Agent,
    history: History,
    call: Call,
    message: AssistantMessage,
    decided: DecisionEntry | None,
    run_id: str,
) -> None:
    """Checks one call. `decided`: the transition's decision on it; None if the call was decided earlier or needs none.

    Raises: as `check_code`.
    """
    recorded, tool = history.tools[call.name], agent.tool(call.name)
    if tool is None:
        raise Stranded(f"tool {call.name!r} is not loaded in this process", runId=run_id)
    if decided is None and recorded is tool.spec:
        return  # nearly all calls: the tool is unchanged since the run began
    entry = decided or history.decisions.get(call.id)
    arguments, decision = _arguments(message, call, entry), entry.decision if entry else _UNDECIDED
    fault = contract_fault(recorded, tool, arguments, decision)
    if fault is not None:
        raise Stranded(f"{fault}; the call still waits", toolCallId=call.id, runId=run_id)
    if decided is not None and recorded.runs == "server":
        refusal = type_fault(tool, arguments, decided.decision)
        if refusal is not None:
            path, why = refusal
            text = f"tool {call.name!r} refuses it: {why}"
            errors = [{"path": path, "message": why}]
            raise DecisionInvalid(text, errors=errors, toolCallId=call.id, runId=run_id)


def _arguments(message: AssistantMessage, call: Call, entry: DecisionEntry | None) -> dict[str, Any]:
    if entry is not None and entry.arguments is not None:
        return entry.arguments
    block = message.content[call.index]
    assert isinstance(block, ToolCall)
    return block.arguments


def _missing(agent: Agent, history: History) -> str | None:
    for name in history.tools:
        if agent.tool(name) is None:
            return f"tool {name!r} of agent {agent.name!r} is not loaded in this process"
    return None


def _first_fault(agent: Agent, head: Head, history: History, phases: Iterable[str]) -> str | None:
    for call in (*head.calls, *history.ready_calls(head)):
        recorded, tool = history.tools.get(call.name), agent.tool(call.name)
        if call.phase not in phases or call.claim or recorded is None or tool is None:
            continue
        if call.phase == "started" and not recorded.idempotent:
            continue  # recovery does not execute it again
        entry = history.decisions.get(call.id)
        assert history.turn_message is not None
        arguments = _arguments(history.turn_message, call, entry)
        if fault := contract_fault(recorded, tool, arguments, entry.decision if entry else _UNDECIDED):
            return fault
    return None


def contract_fault(recorded: ToolSpec, tool: Tool, arguments: dict[str, Any], decision: Any = _UNDECIDED) -> str | None:
    """Returns why today's `tool` can't execute a call made under the `recorded` spec; None if it can.

    Without a `decision`, returns only faults that every decision would have.
    """
    today = tool.spec
    if recorded is today or recorded == today:
        return None
    name = f"tool {today.name!r}"
    if recorded.runs != today.runs:
        return f"{name} is executed by the {today.runs} today, and by the {recorded.runs} when the call was made"
    if recorded.decision is not None and today.decision is None:
        return f"{name} takes no decision today, and its calls waited for one when this call was made"
    if recorded.approval != today.approval:
        return f"{name} takes {_kind(today)} today, and {_kind(recorded)} when the call was made"
    for fault in compile_schema(today.parameters).validate(arguments):
        return f"{name} takes other arguments today: {fault.path or '/'}: {fault.message}"
    if recorded.decision is None or today.decision is None:
        return None
    if decision is not _UNDECIDED:
        for fault in compile_schema(today.decision).validate(decision):
            return f"{name} takes another decision today: {fault.path or '/'}: {fault.message}"
    elif clash := _clash(recorded.decision, today.decision):
        return f"{name} takes another decision today: {clash}"
    elif fault := _unusable(recorded.decision):
        return f"{name} has a recorded decision schema that can't be used today: {fault}"
    return None


def _unusable(recorded: dict[str, Any]) -> str | None:
    """Returns why a schema that an earlier version recorded can't be used to validate; None if it can."""
    try:
        compile_schema(recorded)
    except SchemaInvalid as error:
        return str(error)
    return None


def _kind(spec: ToolSpec) -> str:
    return "an approval" if spec.approval else "a decision of its own"


def _clash(recorded: dict[str, Any], today: dict[str, Any]) -> str | None:
    """Returns why no decision can fit both schemas, judged by their top level only; None if one may."""
    then, now = _types(recorded), _types(today)
    if then and now and not then & now and not ({"integer", "number"} <= then | now):
        return f"{' or '.join(sorted(now))}, where {' or '.join(sorted(then))} was asked for"
    for required_by, closed in ((today, recorded), (recorded, today)):
        if closed.get("additionalProperties") is False:
            lacking = sorted(set(required_by.get("required", ())) - set(closed.get("properties", {})))
            if lacking:
                return f"one that has {lacking[0]!r}" if closed is recorded else f"one without {lacking[0]!r}"
    return None


def _types(schema: dict[str, Any]) -> set[str]:
    given = schema.get("type")
    return {given} if isinstance(given, str) else set(given or ())
