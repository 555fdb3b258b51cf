"""Tests against real model APIs, with real keys. They are collected only when ADJOURN_LIVE=1:

    ADJOURN_LIVE=1 .venv/bin/python -m pytest tests/live

Each test takes its key from the provider's usual environment variable and fails where that is missing.
"""

import os

collect_ignore_glob = [] if os.environ.get("ADJOURN_LIVE") == "1" else ["*"]
