"""The shared limit of concurrent model calls."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from adjourn.actors.middleware import ConcurrencyLimit, ModelOutcome
from adjourn.actors.models import ModelRequest
from adjourn.protocol import AssistantMessage, Cost, ModelDescriptor, Usage


def request(provider: str = "openai") -> ModelRequest:
    return ModelRequest(ModelDescriptor(id="m", provider=provider), "", (), (), "run-1")


async def answer(request: ModelRequest) -> ModelOutcome:
    usage = Usage(input=60, output=40, total_tokens=100, cost=Cost(total=0.25))
    return ModelOutcome(AssistantMessage(content=(), usage=usage))


class Gate:
    """Model calls that wait, counted by provider."""

    def __init__(self) -> None:
        self.open = trio.Event()
        self.inside: dict[str, int] = {}
        self.most: dict[str, int] = {}

    async def __call__(self, request: ModelRequest) -> ModelOutcome:
        name = request.model.provider
        self.inside[name] = self.inside.get(name, 0) + 1
        self.most[name] = max(self.most.get(name, 0), self.inside[name])
        await self.open.wait()
        self.inside[name] -= 1
        return await answer(request)


async def test_calls_beyond_the_limit_wait_for_their_provider_alone() -> None:
    limit, gate = ConcurrencyLimit(2), Gate()
    async with trio.open_nursery() as nursery:
        for provider in ("openai",) * 5 + ("anthropic",):
            nursery.start_soon(limit.model_call, request(provider), gate)
        await wait_all_tasks_blocked()
        assert gate.inside == {"openai": 2, "anthropic": 1}
        gate.open.set()
    assert gate.most == {"openai": 2, "anthropic": 1}


async def test_a_provider_without_a_limit_is_not_limited() -> None:
    limit, gate = ConcurrencyLimit({"anthropic": 1}), Gate()
    async with trio.open_nursery() as nursery:
        for provider in ("openai", "anthropic") * 3:
            nursery.start_soon(limit.model_call, request(provider), gate)
        await wait_all_tasks_blocked()
        assert gate.inside == {"openai": 3, "anthropic": 1}
        gate.open.set()


async def test_a_cancelled_wait_takes_no_slot() -> None:
    limit, gate = ConcurrencyLimit(1), Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(limit.model_call, request(), gate)
        await wait_all_tasks_blocked()
        with trio.CancelScope() as scope:
            scope.cancel()
            await limit.model_call(request(), gate)
        assert scope.cancelled_caught
        gate.open.set()
    await limit.model_call(request(), answer)


def test_one_limit_serves_several_runs_of_trio() -> None:
    limit = ConcurrencyLimit(1)
    for _ in range(2):
        assert trio.run(limit.model_call, request(), answer).message.usage.input == 60


@pytest.mark.parametrize("limits", [0, -1, {"openai": 0}])
def test_a_limit_below_one_is_refused(limits: int | dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        ConcurrencyLimit(limits)
