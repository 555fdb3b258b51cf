"""Which failed model calls are retried, after how long, and until when."""

import math

import pytest
import trio
from asked import HELLO, local, said
from byteserver import Reply, open_byte_server
from trio.testing import MockClock

from adjourn.actors import Agent
from adjourn.actors.middleware import ModelOutcome, Retry
from adjourn.actors.models import ModelRequest
from adjourn.actors.testing import open_test_system, says
from adjourn.protocol import AgentRetry, AssistantMessage, Envelope, Failed, ModelDescriptor

REQUEST = ModelRequest(ModelDescriptor(id="m"), "", (), (), "run-1", call_id="call-1")
GOOD = ModelOutcome(says("Hello"), shown=True)


def failure(kind: str = "transient", *, shown: bool = False, retry_after_s: float | None = None) -> ModelOutcome:
    message = AssistantMessage(content=(), stop_reason="error", error_message="HTTP 503", error_kind=kind)
    failed = Failed(reason="error", error=message, status=503, retry_after_s=retry_after_s)
    return ModelOutcome(message, failed, shown)


class Provider:
    """Returns the outcomes one by one, the last one for ever, and notes the times of the calls."""

    def __init__(self, *outcomes: ModelOutcome, takes_s: float = 0.0) -> None:
        self.outcomes = list(outcomes)
        self.takes_s = takes_s
        self.asked: list[float] = []
        self.requests: list[ModelRequest] = []
        self.told: list[float] = []

    async def __call__(self, request: ModelRequest) -> ModelOutcome:
        self.asked.append(trio.current_time())
        self.requests.append(request)
        await trio.sleep(self.takes_s)
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]

    async def will_retry(self, wait_s: float) -> None:
        self.told.append(wait_s)

    @property
    def waits(self) -> list[float]:
        return [
            round(after - before - self.takes_s, 6) for before, after in zip(self.asked, self.asked[1:], strict=False)
        ]


async def test_a_call_that_succeeds_is_made_once() -> None:
    provider = Provider(GOOD)
    assert await Retry().model_call(REQUEST, provider) is GOOD
    assert len(provider.asked) == 1


async def test_a_transient_failure_is_tried_again_with_the_same_request(autojump_clock: MockClock) -> None:
    provider = Provider(failure(), failure(), GOOD)
    assert await Retry().model_call(REQUEST, provider) is GOOD
    assert provider.requests == [REQUEST] * 3


async def test_the_waits_double_up_to_their_bound(autojump_clock: MockClock) -> None:
    provider = Provider(failure())
    retry = Retry(attempts=6, wait_initial_s=1, wait_max_s=5, jitter_s=0)
    await retry.model_call(REQUEST, provider)
    assert provider.waits == provider.told == [1, 2, 4, 5, 5]


async def test_waits_are_jittered(autojump_clock: MockClock) -> None:
    provider = Provider(failure())
    await Retry(attempts=20, wait_initial_s=1, wait_max_s=2, jitter_s=1, deadline_s=1000).model_call(REQUEST, provider)
    assert len(set(provider.waits)) > 1
    assert all(1 <= wait <= 2 for wait in provider.waits)


async def test_after_the_last_attempt_its_failure_is_the_outcome(autojump_clock: MockClock) -> None:
    first, last = failure(), failure()
    provider = Provider(first, last)
    assert await Retry(attempts=2).model_call(REQUEST, provider) is last
    assert len(provider.asked) == 2
    assert len(provider.told) == 1


async def test_a_terminal_failure_is_final() -> None:
    provider = Provider(failure("terminal"))
    outcome = await Retry().model_call(REQUEST, provider)
    assert outcome.message.error_kind == "terminal"
    assert len(provider.asked) == 1


async def test_a_model_that_was_aborted_is_not_asked_again() -> None:
    message = AssistantMessage(content=(), stop_reason="aborted", error_kind="transient")
    provider = Provider(ModelOutcome(message))
    await Retry().model_call(REQUEST, provider)
    assert len(provider.asked) == 1


async def test_a_call_with_shown_deltas_is_not_retried() -> None:
    provider = Provider(failure(shown=True))
    assert (await Retry().model_call(REQUEST, provider)).shown
    assert len(provider.asked) == 1


async def test_with_restart_a_call_with_shown_deltas_is_retried(autojump_clock: MockClock) -> None:
    provider = Provider(failure(shown=True), GOOD)
    assert await Retry(restart=True).model_call(REQUEST, provider) is GOOD


async def test_the_wait_is_the_one_that_the_provider_asks_for(autojump_clock: MockClock) -> None:
    provider = Provider(failure(retry_after_s=42), failure(retry_after_s=0), GOOD)
    assert await Retry(wait_initial_s=1, wait_max_s=5).model_call(REQUEST, provider) is GOOD
    assert provider.waits == provider.told == [42, 0]


async def test_no_wait_goes_beyond_the_deadline(autojump_clock: MockClock) -> None:
    provider = Provider(failure(retry_after_s=121))
    begun = trio.current_time()
    await Retry(deadline_s=120).model_call(REQUEST, provider)
    assert len(provider.asked) == 1
    assert trio.current_time() == begun


async def test_no_attempt_begins_after_the_deadline(autojump_clock: MockClock) -> None:
    provider = Provider(failure(), takes_s=10)
    retry = Retry(attempts=100, deadline_s=60, wait_initial_s=5, wait_max_s=5, jitter_s=0)
    await retry.model_call(REQUEST, provider)
    assert provider.asked[-1] - provider.asked[0] <= 60
    assert len(provider.asked) == 5


async def test_a_wait_that_the_jitter_takes_beyond_the_deadline_is_the_last(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda least, most: most)
    provider = Provider(failure())
    await Retry(deadline_s=10, wait_initial_s=9, wait_max_s=100, jitter_s=2).model_call(REQUEST, provider)
    assert len(provider.asked) == 1


async def test_cancellation_ends_the_wait_at_once(autojump_clock: MockClock) -> None:
    provider = Provider(failure(retry_after_s=100))
    begun = trio.current_time()
    with trio.move_on_after(1) as scope:
        await Retry().model_call(REQUEST, provider)
    assert scope.cancelled_caught
    assert trio.current_time() - begun == 1


async def test_an_exception_goes_through() -> None:
    async def broken(request: ModelRequest) -> ModelOutcome:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await Retry().model_call(REQUEST, broken)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"attempts": 0}, "attempts must be 1 or more"),
        ({"deadline_s": -1}, "deadline_s must be a number of seconds"),
        ({"wait_max_s": math.inf}, "wait_max_s must be"),
        ({"jitter_s": math.nan}, "jitter_s must be"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Retry(**options)  # type: ignore[arg-type]


async def test_a_run_outlasts_a_provider_that_is_busy_and_connections_that_break() -> None:
    busy = Reply(b'{"error": "busy"}', 503, "application/json", headers=(("retry-after", "0"),))
    broken = Reply(raw=b"", then="reset")
    cut = said(HELLO, then="reset")
    async with open_byte_server(busy, broken, cut, said()) as server:
        policy = Retry(wait_initial_s=0, jitter_s=0, restart=True)
        agent = Agent(name="a", model=local(server.url), middleware=[policy])
        async with open_test_system(agent) as system:
            run = await system.start("a", "Hi")
            async with run.events(after=0) as events:
                heard = [item.event async for item in events if isinstance(item, Envelope)]
            ended = await run.wait()
    reasons = [event.reason for event in heard if isinstance(event, AgentRetry)]
    assert [reason.split(" ")[:4] for reason in reasons] == [
        ["the", "provider", "answered", "503:"],
        ["the", "connection", "to", server.url],
        ["the", "connection", "to", server.url],
    ]
    assert [message.text for message in ended.messages] == ["Hi", "Hello"]
    assert len(server.requests) == 4
