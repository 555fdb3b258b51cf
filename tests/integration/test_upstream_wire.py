"""Two nodes of one store, over real sockets: clients of one watch a run that the other owns."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import trio
from gateway_wire import REFUND, refund
from shared_memory import Medium, SharedMemory

from adjourn.actors import ActorSystem, Agent, open_actor_system
from adjourn.actors.client import Client, open_client
from adjourn.actors.client.peer import open_peer, request_once
from adjourn.actors.gateway import Action, Authenticator, Credentials, Peers, Principal, serve_gateway
from adjourn.actors.gateway import token_authenticator as by_token
from adjourn.actors.models import ModelRequest, events_of
from adjourn.actors.testing import DESCRIPTOR, says, scripted_agent
from adjourn.actors.web import serve_web
from adjourn.protocol.errors import Forbidden, RunElsewhere, RunNotFound, Unauthorized
from adjourn.protocol.events import Envelope
from adjourn.protocol.methods import Aborted, RunAbort, RunSnapshot
from adjourn.protocol.transcript import Transcript

TALE = says(" ".join(f"word{n}" for n in range(20)))
SECRET = "the nodes' token"


class Teller:
    """A model that streams the next event of its answer for each `tell`."""

    descriptor = DESCRIPTOR

    def __init__(self) -> None:
        self.mouth, self._told = trio.open_memory_channel[None](0)

    async def tell(self, events: int) -> None:
        for _ in range(events):
            await self.mouth.send(None)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Sequence[Any], None]:
        for event in events_of(TALE):
            await self._told.receive()
            yield [event]


@dataclass
class Served:
    system: ActorSystem
    url: str
    stop: trio.CancelScope


@asynccontextmanager
async def a_node(medium: Medium, agent: Agent, *, web: bool = False, **options: Any) -> AsyncGenerator[Served]:
    async with open_actor_system([agent], store=SharedMemory(medium), drain_s=0) as system:
        async with trio.open_nursery() as nursery:
            serve = partial(serve_web if web else serve_gateway, system, port=0, **{"peers": Peers(), **options})
            gateway: Any = await nursery.start(serve)
            url = f"{gateway.url.replace('http', 'ws')}/ws" if web else gateway.url
            system.announce(url)
            while all(node.url != url for node, _ in medium.nodes.values()):
                await trio.lowlevel.checkpoint()
            yield Served(system, url, nursery.cancel_scope)
            nursery.cancel_scope.cancel()


def telling(name: str = "teller") -> tuple[Agent, Teller]:
    teller = Teller()
    return Agent(name=name, model=teller), teller


class Chat:
    """What a client sees of a run."""

    def __init__(self, events: Any) -> None:
        self._events = events
        self.items: list[Envelope | RunSnapshot] = []
        self.fold = Transcript()

    async def next(self) -> Envelope | RunSnapshot:
        item = await anext(self._events)
        self.items.append(item)
        if isinstance(item, RunSnapshot):
            self.fold = Transcript(item.snapshot)
        else:
            self.fold.apply(item.event)
        return item

    async def until(self, kind: str) -> None:
        while True:
            item = await self.next()
            if isinstance(item, Envelope) and item.event.type == kind:
                return


@asynccontextmanager
async def chatting(client: Client, run_id: str) -> AsyncGenerator[Chat]:
    async with client.events(run_id) as events:
        yield Chat(events)


@pytest.fixture
def medium() -> Medium:
    return Medium()


@pytest.mark.parametrize("web", [False, True])
async def test_a_client_elsewhere_gets_each_delta_as_it_comes(medium: Medium, web: bool) -> None:
    agent, teller = telling()
    async with a_node(medium, agent, web=web) as one, a_node(medium, agent) as two:
        run = await one.system.start(agent, "tell me a tale")
        async with open_client(two.url) as client, chatting(client, run.id) as chat:
            for _ in range(len(events_of(TALE)) - 1):
                await teller.tell(1)
                item = await chat.next()
                while not (isinstance(item, Envelope) and item.event.type in ("message_start", "message_update")):
                    item = await chat.next()
            await teller.tell(1)
            await chat.until("agent_end")
            assert isinstance(chat.items[0], RunSnapshot)
            first, last = chat.items[0].seq, chat.items[-1].seq
            assert [item.seq for item in chat.items[1:]] == list(range(first + 1, last + 1)), "each once, in order"
            assert chat.fold.snapshot() == (await run.get()).snapshot


async def test_a_client_goes_on_at_its_node_when_the_runs_node_stops_in_mid_stream(medium: Medium) -> None:
    agent, teller = telling()
    second, other = telling()
    async with a_node(medium, second) as two:
        async with open_client(two.url) as client:
            async with a_node(medium, agent) as one:
                run = await one.system.start(agent, "tell me a tale")
                events = client.events(run.id)
                chat = Chat(await events.__aenter__())
                await teller.tell(8)
                while "word3" not in str(chat.fold.snapshot()):
                    await chat.next()
            seen = chat.items[-1].seq
            with trio.fail_after(30):  # the next beat
                await other.tell(len(events_of(TALE)))
                await chat.until("agent_end")
            await events.__aexit__(None, None, None)
            seqs = [item.seq for item in chat.items if isinstance(item, Envelope)]
            assert seqs == sorted(set(seqs))
            assert seqs[-1] > seen
            assert chat.fold.snapshot() == (await two.system.get(run.id)).snapshot


async def test_a_run_without_a_message_for_long_takes_a_decision_made_at_either_node(medium: Medium) -> None:
    agent = scripted_agent(REFUND, says("Done."), name="shop", tools=[refund])
    async with a_node(medium, agent) as one, a_node(medium, agent) as two:
        run = await one.system.start(agent, "refund order 7")
        await run.wait()
        async with open_client(two.url) as client, chatting(client, run.id) as chat:
            await chat.next()
            await client.resume(run.id, {"approved": True})
            await chat.until("agent_end")
            assert chat.fold.snapshot() == (await run.get()).snapshot


# Who may do what.


async def nobody(credentials: Credentials) -> Principal | None:
    """Knows no token; accepts a client by its name in a header."""
    name = credentials.token
    return None if name is None or name == SECRET else Principal(name)


async def only_alice(principal: Principal | None, action: Action) -> bool:
    """Hides all runs from everybody else."""
    return action.head is None or principal == Principal("alice")


async def test_each_node_asks_its_own_authorizer_about_its_own_clients(medium: Medium) -> None:
    agent, teller = telling()
    options = {"peers": Peers(SECRET), "authenticator": nobody, "authorizer": only_alice}
    async with a_node(medium, agent, **options) as one, a_node(medium, agent, **options) as two:
        run = await one.system.start(agent, "tell me a tale")
        async with open_client(two.url, token="bob") as bob:
            with pytest.raises(RunNotFound):
                await bob.get(run.id)
        async with open_client(two.url, token="alice") as alice, chatting(alice, run.id) as chat:
            await teller.tell(4)
            await chat.until("message_update")


async def test_a_node_in_its_own_name_may_watch_and_nothing_else(medium: Medium) -> None:
    agent, teller = telling()
    async with a_node(medium, agent, peers=Peers(SECRET), authenticator=nobody, authorizer=only_alice) as one:
        run = await one.system.start(agent, "tell me a tale")
        await teller.tell(4)
        async with open_peer(one.url, token=SECRET) as peer:
            async with chatting(peer, run.id) as chat:
                await chat.next()
            for refused in (peer.abort(run.id), peer.get(run.id), peer.list(), peer.start("teller", "hello")):
                with pytest.raises(Forbidden):
                    await refused
        with pytest.raises(Unauthorized):
            async with open_client(one.url, token=SECRET):
                pass  # the mark of a node is missing


@pytest.mark.parametrize("authorizer", [None, only_alice])
async def test_where_clients_have_the_nodes_token_a_node_may_do_what_they_may(medium: Medium, authorizer: Any) -> None:
    agent, teller = telling()
    known: Authenticator = by_token(SECRET, name="bob")
    peers = Peers(SECRET, names_clients=False)
    async with a_node(medium, agent, peers=peers, authenticator=known, authorizer=authorizer) as one:
        run = await one.system.start(agent, "tell me a tale")
        await teller.tell(4)
        async with open_peer(one.url, token=SECRET) as peer:
            if authorizer is None:
                async with chatting(peer, run.id) as chat:
                    await chat.next()
            else:
                with pytest.raises(RunNotFound):
                    async with peer.events(run.id):
                        pass


async def test_a_node_that_is_asked_by_a_node_asks_no_third(medium: Medium) -> None:
    agent, teller = telling()
    async with a_node(medium, agent) as one, a_node(medium, agent) as two:
        run = await one.system.start(agent, "tell me a tale")
        await teller.tell(4)
        ask = partial(request_once, two.url, token=None, principal=None)
        with pytest.raises(RunElsewhere):
            await ask("run.abort", RunAbort(run_id=run.id), Aborted)
        async with open_peer(two.url, token=None) as peer:
            with pytest.raises(RunElsewhere):
                async with peer.events(run.id):
                    pass
        async with open_client(two.url) as client:
            assert (await client.abort(run.id)).status == "aborted", "a client's request is passed on"
        async with open_peer(two.url, token=None) as peer, chatting(peer, run.id) as chat:
            await chat.next()
            assert chat.fold.snapshot().status == "aborted", "a run that is over is the same everywhere"
