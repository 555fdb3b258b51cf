"""What the decoders of all model APIs share: the price of an answer."""

import math

from adjourn.protocol.messages import Cost, ModelDescriptor
from adjourn.protocol.providers.decoding import priced

MILLION = 1_000_000


def test_a_total_cost_is_added_from_left_to_right_whatever_the_python_version() -> None:
    model = ModelDescriptor(id="m", provider="p", cost=Cost(input=0.1, output=0.2, cache_read=0.3))
    cost = priced(model, input=MILLION, output=MILLION, cache_read=MILLION).cost
    parts = (cost.input, cost.output, cost.cache_read, cost.cache_write)
    assert parts == (0.1, 0.2, 0.3, 0.0)
    assert cost.total == 0.6000000000000001 != math.fsum(parts), "as in records that older versions have written"
