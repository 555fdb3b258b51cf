"""A role that may not make tables uses tables made for it, with the privileges that the page of stores lists."""

import pytest
from markdown_pages import blocks
from postgres_server import Server
from tracked import ROOT

from adjourn import Agent, open_actor_system
from adjourn.actors.testing import ScriptedModel
from adjourn.protocol.errors import StoreUnavailable
from adjourn.stores.postgres import open_postgres

pytestmark = pytest.mark.slow


async def test_the_privileges_on_the_page_are_enough(postgres_server: Server) -> None:
    [grants] = blocks((ROOT / "stores/README.md").read_text(encoding="utf-8"), "sql")
    layout = (ROOT / "stores/postgres/sql/layout.sql").read_text(encoding="utf-8")
    postgres_server.run("CREATE ROLE shop LOGIN; CREATE SCHEMA roles; GRANT USAGE ON SCHEMA roles TO shop")
    address = f"{postgres_server.address}&options=-csearch_path%3Droles&user=shop"
    with pytest.raises(StoreUnavailable, match="permission denied for schema roles"):
        async with open_postgres(address):
            pass

    postgres_server.run(f"SET search_path = roles; {layout}; {grants}")
    agent = Agent(name="greeter", model=ScriptedModel(["Hello!"]))
    async with open_actor_system([agent], store=address) as one, open_actor_system([agent], store=address) as two:
        run = await one.start("greeter", "Greet me.")
        assert (await run.wait_ended()).status == "completed"
        assert [head.id for head in (await two.list()).heads] == [run.id]
        await two.delete(run.id)
        assert (await one.list()).heads == ()
