"""One model call by itself: its whole or partial message, and invalid values in its stream."""

import pytest
import trio

from adjourn.actors import Agent
from adjourn.actors.runtime.model_call import MAX_SAID, ModelCall
from adjourn.protocol.events import Start, TextDelta, TextStart
from adjourn.protocol.machine import begin
from adjourn.protocol.messages import ModelDescriptor, user
from adjourn.protocol.record import History
from adjourn.protocol.transitions import Begin


class Said:
    """A model that streams these chunks, without an end."""

    descriptor = ModelDescriptor(id="said")

    def __init__(self, *chunks):
        self.chunks = chunks

    async def stream(self, request):
        for chunk in self.chunks:
            await trio.lowlevel.checkpoint()
            yield chunk


def call_of(*chunks):
    """Returns a call of that model, and the list of events that it publishes."""
    agent, shown = Agent(name="a", model=Said(*chunks)), []
    begun = begin(Begin(run_id="r", nonce="n", spec=agent.spec(), input=(user("hi"),)), 1)

    class Log:
        async def show(self, events, sizes=None):
            shown.extend(events)

    return ModelCall(agent, begun.head, History(begun.append), "n_2", 1, Log()), shown


OPENING = [Start(), TextStart(content_index=0)]
WORD = TextDelta(content_index=0, delta="word ")


@pytest.mark.parametrize("count", [0, 1, MAX_SAID - 1, MAX_SAID, 3 * MAX_SAID + 1])
async def test_a_message_cut_short_keeps_every_word(count):
    call, _ = call_of(OPENING, *[[WORD]] * count)
    done = await call.run()
    assert done.message.stop_reason == "error"
    assert done.message.text == "word " * count
    assert call._fold().message(keep_incomplete_calls=False).text == "word " * count


async def test_a_partial_message_can_be_read_between_chunks_and_keeps_growing():
    call, _ = call_of(OPENING, [WORD], [WORD])
    call._read(OPENING)
    for count in (1, 2):
        call._read([WORD])
        assert call._fold().message(keep_incomplete_calls=False).text == "word " * count


async def test_no_more_waits_to_be_put_together_than_a_bound():
    call, _ = call_of()
    for _ in range(5 * MAX_SAID):
        call._read([WORD])
        assert len(call._said) < MAX_SAID


@pytest.mark.parametrize(
    "bad",
    [
        TextDelta(content_index=0, delta=None),
        TextDelta(content_index="0", delta="x"),
        TextStart(content_index=None),
        "text",
        None,
    ],
    ids=repr,
)
async def test_an_invalid_event_fails_the_call_and_is_not_published(bad):
    call, shown = call_of(OPENING, [WORD], [bad])
    done = await call.run()
    assert done.message.stop_reason == "error"
    assert done.message.text == "word "
    assert [event.assistant_message_event for event in shown[1:]] == [TextStart(content_index=0), WORD]
