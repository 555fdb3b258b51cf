"""One model call as a run makes it, but without a run: for tests of models that answer over HTTP."""

from collections.abc import Sequence
from contextlib import aclosing

from adjourn.actors.models import LanguageModel, ModelRequest
from adjourn.protocol.events import Done, Failed, StreamEvent
from adjourn.protocol.messages import AssistantMessage, Message
from adjourn.protocol.options import ModelOptions
from adjourn.protocol.record import ToolSpec


async def events(
    model: LanguageModel,
    messages: Sequence[Message],
    *,
    instructions: str = "",
    tools: Sequence[ToolSpec] = (),
    options: ModelOptions = ModelOptions(),  # noqa: B008  # frozen
) -> list[StreamEvent]:
    """Returns all events of an answer. Checks that only the last one is `Done` or `Failed`."""
    request = ModelRequest(
        model=model.descriptor,
        instructions=instructions,
        messages=messages,
        tools=tools,
        run_id="run_1",
        options=options,
        call_id="call_1",
    )
    async with aclosing(model.stream(request)) as chunks:
        heard = [event async for chunk in chunks for event in chunk]
    ends = [event for event in heard if isinstance(event, Done | Failed)]
    assert ends == heard[-1:]
    return heard


def answer(heard: Sequence[StreamEvent]) -> AssistantMessage:
    """Returns the message of a successful call."""
    end = heard[-1]
    assert isinstance(end, Done), end
    return end.message


def failure(heard: Sequence[StreamEvent]) -> Failed:
    """Returns the `Failed` event of a failed call."""
    end = heard[-1]
    assert isinstance(end, Failed), end
    assert end.error.stop_reason == end.reason
    return end
