"""Compares our model adapters with the vendors' SDKs; both send requests to an independent model server.

The tests compare how the SDK and the adapter read the same answer, and how the server reads their requests.
`mockserver.py` installs the server, as `.ci/run` does. If the server is missing, no test here is collected.
"""

from collections.abc import Iterator

import pytest
from mockserver import PROGRAM, MockServer, serve_answers

collect_ignore_glob = [] if PROGRAM.exists() else ["test_*"]


@pytest.fixture(scope="session")
def server() -> Iterator[MockServer]:
    with serve_answers() as running:
        yield running
