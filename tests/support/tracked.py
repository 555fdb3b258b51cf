"""The files that git tracks, for tests of the repository itself."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("protocol", "stores", "actors")
"""The three packages, each of which may import those before it."""


def tracked_files(*patterns: str) -> list[str]:
    """Returns the tracked, existing files, relative to `ROOT` and sorted; all, or those that match a pattern."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--", *patterns]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted(path for path in listing.split("\0") if path and (ROOT / path).exists())
