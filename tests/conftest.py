"""Makes tests run in the same way everywhere: with the profiles of `support/profiles.py`, with Python's own handling of
Ctrl-C, and (except live tests) without a proxy between a test and its servers."""

import gc
import os
import signal
from pathlib import Path

from profiles import register_profiles

pytest_plugins = ["postgres_server", "valkey_server"]

register_profiles()

# A shell script starts its background jobs with SIGINT and SIGQUIT ignored, and processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

if os.environ.get("ADJOURN_LIVE") != "1":
    for name in [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]:
        del os.environ[name]

if (Path(__file__).parents[1] / "PKG-INFO").exists():  # in an unpacked sdist there is no git to compare with
    collect_ignore = ["test_docs.py", "test_layers.py", "test_packaging.py", "test_pages.py"]


def pytest_collection_finish() -> None:
    """Hides the objects of imports from the garbage collector, to speed up tests that collect garbage."""
    gc.collect()
    gc.freeze()
