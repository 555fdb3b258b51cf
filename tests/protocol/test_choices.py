"""Errors name the values that are allowed where a value is not one of a few."""

import pytest

from adjourn.protocol.codec import CodecError, from_json, from_text
from adjourn.protocol.methods import RunList, RunStart

STATUSES = "aborted, completed, failed, paused, running"
BLOCKS = "audio, file, image, imageUrl, opaque, text, thinking, toolCall"


@pytest.mark.parametrize(
    ("kind", "text", "path", "message"),
    [
        (RunList, '{"status": "bogus"}', "/status", f"expected one of {STATUSES}, got 'bogus'"),
        (
            RunStart,
            '{"agent": "a", "input": [{"role": "bogus"}]}',
            "/input/0/role",
            "expected one of assistant, toolResult, user, got 'bogus'",
        ),
        (
            RunStart,
            '{"agent": "a", "input": [{"role": "user", "content": [{"type": "bogus"}]}]}',
            "/input/0/content/0/type",
            f"expected one of {BLOCKS}, got 'bogus'",
        ),
    ],
)
def test_an_unknown_value_is_told_with_the_allowed_ones(kind: type, text: str, path: str, message: str) -> None:
    with pytest.raises(CodecError) as caught:
        from_json(text, kind)
    assert (caught.value.path, caught.value.message) == (path, message)


def test_it_is_also_for_values_of_a_query() -> None:
    with pytest.raises(CodecError, match=f"expected one of {STATUSES}, got 'bogus'"):
        from_text({"status": "bogus"}, RunList)
