"""The gateway's params, as read from HTTP requests."""

from typing import Any

import pytest

from adjourn.actors.web.bodies import params_of_body, params_of_query, start_or_resume
from adjourn.protocol.bounds import Bounds
from adjourn.protocol.codec import to_json
from adjourn.protocol.errors import InvalidParams
from adjourn.protocol.limits import RunLimits
from adjourn.protocol.messages import UserMessage
from adjourn.protocol.methods import RunDecline, RunList, RunResume, RunStart, RunTimeline


def asked(*agents: str, **body: Any) -> RunStart | RunResume:
    return start_or_resume(to_json(body), agents or ("shop",), Bounds())


def test_text_and_messages_start_a_run() -> None:
    assert asked(input="hello") == RunStart(agent="shop", input="hello")
    assert asked(input="hello", agent=None) == RunStart(agent="shop", input="hello")
    messages = [{"role": "user", "content": "hello"}]
    assert asked("shop", "desk", agent="desk", messages=messages, runId="r", after="q") == RunStart(
        agent="desk", input=(UserMessage(content="hello"),), run_id="r", after="q"
    )


def test_members_of_the_callers_own_become_metadata_and_those_given_as_metadata_win() -> None:
    given = asked(input="hello", user="u", page=2, metadata={"page": 3})
    assert given == RunStart(agent="shop", input="hello", metadata={"user": "u", "page": 3})


def test_limits_are_the_runs_own_and_no_metadata() -> None:
    given = asked(input="hello", limits={"maxTurns": 3, "onLimit": "answer"})
    assert given == RunStart(agent="shop", input="hello", limits=RunLimits(max_turns=3, on_limit="answer"))


def test_a_decision_resumes_whatever_else_a_chat_sends_with_each_request() -> None:
    given = asked(runId="r", decision=None, toolCallId="c", digest="d", arguments={"a": 1}, user="u", metadata={"a": 1})
    assert given == RunResume(run_id="r", decision=None, tool_call_id="c", digest="d", arguments={"a": 1})


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        (b"", "", "nothing"),
        (b"[]", "", "object"),
        (b'{"input":"\\ud83d"}', "/input", "U"),
        (b'{"input":1e999}', "/input", "out of range"),
        (b"{}", "", "`messages` or `input`"),
        (b'{"input":"a","messages":[]}', "", "either"),
        (b'{"input":1}', "/input", "int"),
        (b'{"messages":[{"role":"judge"}]}', "/messages/0/role", "judge"),
        (b'{"input":"a","runId":"a b"}', "/runId", "1 to 128"),
        (b'{"input":"a","metadata":1,"own":1}', "/metadata", "object"),
        (b'{"input":"a","agent":1}', "/agent", "str"),
        (b'{"input":"a","limits":{"maxTurn":1}}', "/limits", "maxTurn"),
        (b'{"input":"a","limits":{"maxCost":0}}', "/limits/maxCost", "> 0"),
        (b'{"decision":1}', "", "runId"),
    ],
)
def test_the_error_of_a_bad_body_says_where_and_what_was_expected(body: bytes, path: str, expected: str) -> None:
    with pytest.raises(InvalidParams, match=expected) as caught:
        start_or_resume(body, ["shop"], Bounds())
    assert caught.value.data["errors"][0]["path"] == path


def test_several_agents_and_none_named_are_listed() -> None:
    with pytest.raises(InvalidParams, match="desk, shop"):
        asked("shop", "desk", input="hello")
    with pytest.raises(InvalidParams, match="no agents"):
        start_or_resume(b'{"input":"hello"}', [], Bounds())


def test_the_path_names_the_run_and_an_empty_body_is_an_empty_object() -> None:
    assert params_of_body(b"", RunDecline, "r", Bounds()) == RunDecline(run_id="r")
    assert params_of_body(b'{"reason":"no"}', RunDecline, "r", Bounds()) == RunDecline(run_id="r", reason="no")
    with pytest.raises(InvalidParams, match="already"):
        params_of_body(b'{"runId":"q"}', RunDecline, "r", Bounds())
    with pytest.raises(InvalidParams, match="unknown"):
        params_of_body(b'{"raeson":"no"}', RunDecline, "r", Bounds())


def test_a_query_has_numbers_and_booleans_as_text_and_each_name_once() -> None:
    query = [("limit", "5"), ("waiting", "true"), ("agent", "5")]
    assert params_of_query(query, RunList) == RunList(limit=5, waiting=True, agent="5")
    for wrong in ([("limit", "x")], [("limit", "0")], [("limit", "1"), ("limit", "2")], [("lim", "1")]):
        with pytest.raises(InvalidParams):
            params_of_query(wrong, RunList)


def test_an_integer_of_a_query_that_no_wire_carries_is_refused() -> None:
    assert params_of_query([("from", str(2**53))], RunTimeline, runId="r") == RunTimeline(run_id="r", from_=2**53)
    with pytest.raises(InvalidParams) as caught:
        params_of_query([("from", str(2**53 + 1))], RunTimeline, runId="r")
    assert caught.value.data["errors"] == [{"path": "/from", "message": "expected an integer within ±2^53"}]


def test_a_runs_id_in_a_path_is_refused_in_words() -> None:
    with pytest.raises(InvalidParams, match="expected a run's id: 1 to 128 of"):
        params_of_query([], RunTimeline, runId="a b")
