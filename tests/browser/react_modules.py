"""Serves React to a browser as ES modules: npm's packages are CommonJS, so each requested file is wrapped."""

import re

from tracked import ROOT

__all__ = ["IMPORTS", "react_module"]

PACKAGES = ROOT / "tests/actors/web/js/react-19/node_modules"
FILES = {
    "react": "react/cjs/react.development.js",
    "react-dom": "react-dom/cjs/react-dom.development.js",
    "react-dom/client": "react-dom/cjs/react-dom-client.development.js",
    "scheduler": "scheduler/cjs/scheduler.development.js",
}
IMPORTS = {name: f"/react/{name}" for name in FILES}  # for an import map


def react_module(name: str) -> tuple[str, str]:
    """Returns the media type and text of a module of `IMPORTS`. The module exports all names of the package."""
    assert PACKAGES.is_dir(), "run .venv/bin/python tests/actors/web/js/packages.py first"
    source = (PACKAGES / FILES[name]).read_text(encoding="utf-8")
    needs = sorted(set(re.findall(r'\brequire\("([^"]+)"\)', source)))
    exported = sorted(set(re.findall(r"^ {2,4}exports\.(\w+) =", source, re.MULTILINE)))
    lines = [
        'const process = { env: { NODE_ENV: "development" } }, exports = {}, needed = {};',
        "const require = (name) => needed[name];",
        *(f'import * as needed_{number} from "{need}"; needed["{need}"] = needed_{number};'
          for number, need in enumerate(needs)),
        source,
        *(f"const exported_{name} = exports.{name}; export {{ exported_{name} as {name} }};" for name in exported),
    ]  # fmt: skip
    return "text/javascript", "\n".join(lines)
