"""`adjourn runs resume` with a decision on its command line: edited arguments, and their digest."""

from functools import partial

import pytest
import trio

from adjourn.actors import Agent, open_actor_system, tool
from adjourn.actors.cli.deciding import decision_of, settle_one
from adjourn.actors.client import open_client
from adjourn.actors.gateway import serve_gateway
from adjourn.actors.testing import ScriptedModel, calls, says
from adjourn.protocol import DecisionConflict


@tool(approval=True, editable=("amount",))
async def pay(to: str, amount: int) -> str:
    """Send money."""
    return f"{amount} paid to {to}"


async def test_edited_arguments_are_executed_and_only_under_the_digest_of_those_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = ScriptedModel([calls(("pay", {"to": "Ann", "amount": 500})), says("Done.")])
    async with open_actor_system([Agent(name="clerk", model=model, tools=[pay])]) as system:
        async with trio.open_nursery() as nursery:
            gateway = await nursery.start(partial(serve_gateway, system, port=0))
            run = await system.start("clerk", "Pay Ann.")
            [call] = (await run.wait()).pending
            edited = partial(decision_of, '{"approved": true}', arguments='{"to": "Ann", "amount": 50}')
            async with open_client(gateway.url) as client:
                with pytest.raises(DecisionConflict, match="read the call again"):
                    await settle_one(client, run.id, None, edited("other"))
                await settle_one(client, run.id, None, edited(call.digest))
                await settle_one(client, run.id, None, edited(call.digest))  # as after a lost reply
            nursery.cancel_scope.cancel()
        assert "50 paid to Ann" in (await run.wait_ended()).messages[2].text
    first, again = capsys.readouterr().out.splitlines()
    assert first == 'decided: pay(to="Ann", amount=50)'
    assert again == f"decided: {call.tool_call_id}"
