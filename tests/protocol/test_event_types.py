"""`type` of events: the same in Python as on the wire."""

from typing import get_args

import pytest

from adjourn.protocol.events import Event, StreamEvent
from adjourn.protocol.messages import Wire
from adjourn.protocol.methods import RunSnapshot
from adjourn.protocol.transcript import Snapshot


@pytest.mark.parametrize("kind", [*get_args(Event), *get_args(StreamEvent)], ids=lambda kind: kind.__name__)
def test_an_event_has_its_type_of_the_wire(kind: type[Wire]) -> None:
    config = kind.__struct_config__
    assert (config.tag_field, config.tag) == ("type", vars(kind)["type"])


def test_a_run_snapshot_has_the_status_of_the_run() -> None:
    assert RunSnapshot(run_id="r", seq=1, snapshot=Snapshot(status="paused")).status == "paused"
