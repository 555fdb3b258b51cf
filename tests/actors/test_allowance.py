"""What runs may use together: the shared budget, and the bound on calls at once."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from adjourn.actors.allowance import Budget, ConcurrencyLimit
from adjourn.actors.middleware import EndRun, ModelOutcome
from adjourn.actors.models import ModelRequest
from adjourn.protocol import AssistantMessage, Cost, ModelDescriptor, Usage


def request(provider: str = "openai") -> ModelRequest:
    return ModelRequest(ModelDescriptor(id="m", provider=provider), "", (), (), "run-1")


async def answer(request: ModelRequest) -> ModelOutcome:
    usage = Usage(input=60, output=40, total_tokens=100, cost=Cost(total=0.25))
    return ModelOutcome(AssistantMessage(content=(), usage=usage))


@pytest.mark.parametrize(
    ("budget", "calls", "reason", "said"),
    [
        (Budget(max_cost=0.5), 2, "maxCost", "the budget of 0.5 in cost is used up"),
        (Budget(max_tokens=250), 3, "maxTokens", "the budget of 250 tokens is used up"),
        (Budget(max_turns=4), 4, "maxTurns", "the budget of 4 model calls is used up"),
    ],
)
async def test_a_used_up_budget_ends_whoever_asks_next(budget: Budget, calls: int, reason: str, said: str) -> None:
    for _ in range(calls):
        await budget.model_call(request(), answer)
    with pytest.raises(EndRun) as ended:
        await budget.model_call(request(), answer)
    assert (ended.value.reason, ended.value.message) == (reason, said)


async def test_a_budget_without_limits_only_counts() -> None:
    budget = Budget()
    for _ in range(3):
        await budget.model_call(request(), answer)
    assert budget.used == {"maxCost": 0.75, "maxTokens": 300, "maxTurns": 3}


@pytest.mark.parametrize("limits", [{"max_cost": 0}, {"max_tokens": -1}, {"max_turns": 0}, {"max_cost": float("nan")}])
def test_a_budget_of_nothing_is_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Budget(**limits)  # type: ignore[arg-type]


class Gate:
    """Model calls that wait, and how many do by provider."""

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


async def test_a_provider_that_is_not_named_is_not_bounded() -> None:
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
