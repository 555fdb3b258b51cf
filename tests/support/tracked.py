"""What git tracks, for the tests that look at the tree itself rather than at what it does."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("protocol", "stores", "actors")
"""The three packages, each of which may import those before it."""


def tracked_files(*patterns: str) -> list[str]:
    """Paths relative to `ROOT` that git tracks and the working tree has, sorted; all, or those matching a pattern."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--", *patterns]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted(path for path in listing.split("\0") if path and (ROOT / path).exists())
