"""LangGraph: a graph with a model node and a node that interrupts, resumed by `Command(resume=…)`, with a checkpointer.

Written as its documentation of interrupts and of streaming shows (read in November 2026).
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import uuid4

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from sample import ANSWER, ARGUMENTS, AT_ONCE, IN_TURN, QUESTION, TOKENS, cold_import, deltas, finish, frame, measured

CALL = {"name": "refund_order", "args": ARGUMENTS, "id": "call_1"}


async def call_model(state: MessagesState) -> dict[str, Any]:
    """Returns a call of the tool, and after the tool's result an answer."""
    await asyncio.sleep(0)
    if isinstance(state["messages"][-1], ToolMessage):
        return {"messages": [AIMessage(ANSWER)]}
    return {"messages": [AIMessage("", tool_calls=[CALL])]}


async def call_tool(state: MessagesState) -> dict[str, Any]:
    """Waits for the decision, then makes the refund."""
    call = state["messages"][-1].tool_calls[0]
    decision = interrupt({"question": "Refund?", "arguments": call["args"]})
    text = f"refunded {call['args']['amount']}" if decision["approved"] else "refused"
    return {"messages": [ToolMessage(text, tool_call_id=call["id"])]}


def route(state: MessagesState) -> str:
    """Returns the next node: the tool's, if the model has called the tool."""
    return "tool" if state["messages"][-1].tool_calls else END


def graph_with(checkpointer: Any) -> Any:
    """Returns the agent's graph."""
    builder = StateGraph(MessagesState)
    builder.add_node("model", call_model)
    builder.add_node("tool", call_tool)
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", route, ["tool", END])
    builder.add_edge("tool", "model")
    return builder.compile(checkpointer=checkpointer)


async def begin(graph: Any) -> dict[str, Any]:
    """Starts a run, and executes it up to its pause."""
    config = {"configurable": {"thread_id": uuid4().hex}}
    paused = await graph.ainvoke({"messages": [{"role": "user", "content": QUESTION}]}, config)
    assert paused["__interrupt__"]
    return config


async def end(graph: Any, config: dict[str, Any]) -> None:
    """Executes the run from its pause to its end."""
    state = await graph.ainvoke(Command(resume={"approved": True}), config)
    assert state["messages"][-1].content == ANSWER


async def in_turn(graph: Any) -> None:
    """Executes runs one after another."""
    for _ in range(IN_TURN):
        await end(graph, await begin(graph))


async def at_once(graph: Any) -> None:
    """Executes runs that all pause before the first is resumed."""
    configs = await asyncio.gather(*(begin(graph) for _ in range(AT_ONCE)))
    await asyncio.gather(*(end(graph, config) for config in configs))


class Streaming(BaseChatModel):
    """A model that parses a provider's bytes."""

    tokens: int

    @property
    def _llm_type(self) -> str:
        return "bench"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("".join(deltas(self.tokens))))])

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        for word in deltas(self.tokens):
            yield ChatGenerationChunk(message=AIMessageChunk(word))


async def stream(tokens: int) -> None:
    """Reads one message token by token."""
    model = Streaming(tokens=tokens)

    async def talk(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("talk", talk).add_edge(START, "talk").compile(InMemorySaver())
    config = {"configurable": {"thread_id": uuid4().hex}}
    given = {"messages": [{"role": "user", "content": "Talk."}]}
    frames = [frame(chunk.content) async for chunk, _ in graph.astream(given, config, stream_mode="messages")]
    assert len(frames) >= tokens


async def main() -> None:
    """Measures everything."""
    memory = graph_with(InMemorySaver())
    results = [
        await measured(1, "memory, one after another", "µs CPU a run", IN_TURN, lambda: in_turn(memory)),
        await measured(1, f"memory, {AT_ONCE:,} at once", "µs CPU a run", AT_ONCE, lambda: at_once(memory)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncSqliteSaver.from_conn_string(os.path.join(folder, "runs.db")) as saver:
            stored = graph_with(saver)
            results += [
                await measured(1, "SQLite, one after another", "µs a run", IN_TURN, lambda: in_turn(stored)),
                await measured(1, f"SQLite, {AT_ONCE:,} at once", "µs a run", AT_ONCE, lambda: at_once(stored)),
            ]
    for tokens in TOKENS:
        results.append(await measured(4, f"{tokens:,} tokens", "µs CPU a token", tokens, partial(stream, tokens)))
    finish("langgraph", [*results, cold_import("import langgraph.graph, langgraph.checkpoint.memory")])


asyncio.run(main())
