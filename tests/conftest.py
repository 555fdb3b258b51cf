"""Tests run alike everywhere: Hypothesis draws the same examples on every machine, however slow, and keeps no database
of past failures; and but for live tests no proxy stands between a test and its servers."""

import os
from pathlib import Path

from hypothesis import settings

settings.register_profile("adjourn", derandomize=True, deadline=None, database=None)
settings.load_profile("adjourn")

if os.environ.get("ADJOURN_LIVE") != "1":
    for name in [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]:
        del os.environ[name]

if (Path(__file__).parents[1] / "PKG-INFO").exists():  # in an unpacked sdist there is no git to compare with
    collect_ignore = ["test_docs.py", "test_layers.py", "test_packaging.py"]
