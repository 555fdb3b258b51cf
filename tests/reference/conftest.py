"""The adapters beside the vendors' own SDKs, both asking one real server that nobody here wrote.

Compared is what the SDK and the adapter make of the same answer, and what the server understood of their requests.
`mockserver.py` tells of the server and installs it, as `.ci/run` does; where it is missing, nothing here is collected.
"""

from collections.abc import Iterator

import pytest
from mockserver import PROGRAM, MockServer, serve_answers

collect_ignore_glob = [] if PROGRAM.exists() else ["test_*"]


@pytest.fixture(scope="session")
def server() -> Iterator[MockServer]:
    with serve_answers() as running:
        yield running
