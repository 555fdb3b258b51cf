"""The budget shared by several runs."""

import pytest

from adjourn.actors.middleware import Budget, EndRun, ModelOutcome
from adjourn.actors.models import ModelRequest
from adjourn.protocol import AssistantMessage, Cost, ModelDescriptor, Usage


def request(cost: Cost | None = Cost()) -> ModelRequest:  # noqa: B008  # frozen
    return ModelRequest(ModelDescriptor(id="m", provider="openai", cost=cost), "", (), (), "run-1")


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
async def test_a_used_up_budget_ends_the_next_run_that_asks(budget: Budget, calls: int, reason: str, said: str) -> None:
    for _ in range(calls):
        await budget.model_call(request(), answer)
    with pytest.raises(EndRun) as ended:
        await budget.model_call(request(), answer)
    assert (ended.value.reason, ended.value.message) == (reason, said)


async def test_a_budget_in_cost_ends_a_run_whose_model_has_no_prices() -> None:
    with pytest.raises(EndRun, match="the descriptor of model 'm' states none") as ended:
        await Budget(max_cost=0.5).model_call(request(cost=None), answer)
    assert ended.value.reason == "maxCost"
    await Budget(max_tokens=500).model_call(request(cost=None), answer)


@pytest.mark.parametrize(
    ("budget", "reason"), [(Budget(max_cost=9.0), "maxCost"), (Budget(max_tokens=999), "maxTokens")]
)
async def test_an_answer_without_usage_ends_its_run_under_a_budget(budget: Budget, reason: str) -> None:
    async def uncounted(request: ModelRequest) -> ModelOutcome:
        return ModelOutcome(AssistantMessage(content=()))

    with pytest.raises(EndRun, match="reported no usage") as ended:
        await budget.model_call(request(Cost(input=1.0)), uncounted)
    assert ended.value.reason == reason


async def test_a_refused_call_has_no_usage_and_ends_no_run() -> None:
    async def refused(request: ModelRequest) -> ModelOutcome:
        return ModelOutcome(AssistantMessage(content=(), stop_reason="error"))

    await Budget(max_tokens=999).model_call(request(), refused)


async def test_a_budget_without_limits_only_counts() -> None:
    budget = Budget()
    for _ in range(3):
        await budget.model_call(request(), answer)
    assert budget.used == {"maxCost": 0.75, "maxTokens": 300, "maxTurns": 3}


@pytest.mark.parametrize("limits", [{"max_cost": 0}, {"max_tokens": -1}, {"max_turns": 0}, {"max_cost": float("nan")}])
def test_a_budget_of_zero_is_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Budget(**limits)  # type: ignore[arg-type]
