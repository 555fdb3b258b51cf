"""The browser client: its own tests under node, its types, and the published files."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import wire_types
from packages import FOLDERS, HERE, NODE, TSC
from processes import ADJOURN
from tracked import ROOT, tracked_files

import adjourn

CLIENT = ROOT / "actors/web/js"
IN_A_DOCUMENT = sorted(path.name for path in HERE.glob("*.test.js") if '"./dom.js"' in path.read_text(encoding="utf-8"))
ALONE = sorted({path.name for path in HERE.glob("*.test.js")} - {"react.test.js", "served.test.js", *IN_A_DOCUMENT})


SERVED = re.findall(
    r"^ *test\(`(?:\$\{wire\}|websocket): (.*?)`", (HERE / "served.test.js").read_text(encoding="utf-8"), re.MULTILINE
)


def run(*command: str | Path, **environment: str) -> str:
    env = {**os.environ, **environment}
    done = subprocess.run([NODE, *command], cwd=HERE, env=env, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_tests(*command: str | Path, **environment: str) -> None:
    said = run("--test", "--test-reporter=spec", *command, **environment)
    assert re.search(r"^ℹ pass [1-9]", said, re.MULTILINE), said
    assert re.search(r"^ℹ skipped 0$", said, re.MULTILINE), said


def needs_packages(folder: str) -> None:
    assert (HERE / folder / "node_modules").is_dir(), "run .venv/bin/python tests/actors/web/js/packages.py first"


@pytest.mark.parametrize("name", ALONE)
def test_node_without_packages_passes(name: str) -> None:
    run_tests(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVED)
def test_a_chat_with_a_real_server_passes(name: str) -> None:
    paths = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    only = f"--test-name-pattern={re.escape(name)}$"
    run_tests(only, "served.test.js", ADJOURN_COMMAND=json.dumps(ADJOURN), ADJOURN_HTTP="1", PYTHONPATH=paths)


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_hook_passes_with_react(folder: str) -> None:
    needs_packages(folder)
    run_tests("--import", "./modules.js", "react.test.js", MODULES_OF=folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_A_DOCUMENT)
def test_the_page_passes_in_a_document(name: str) -> None:
    needs_packages("react-19")
    run_tests("--import", "./modules.js", name, MODULES_OF="react-19")


# Types.


def test_the_wires_types_are_those_of_the_structs() -> None:
    again = "run .venv/bin/python tests/support/wire_types.py"
    assert wire_types.TARGET.read_text(encoding="utf-8") == wire_types.typescript(), again


@pytest.mark.slow
def test_the_modules_type_check_and_their_declarations_are_up_to_date(tmp_path: Path) -> None:
    needs_packages("react-19")
    run(TSC, "-p", ".", "--outDir", tmp_path)
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.d.ts")}
    kept = {path.name: path.read_text(encoding="utf-8") for path in (CLIENT / "types").glob("*.d.ts")}
    del kept["protocol.d.ts"]
    assert made == kept, "run .venv/bin/python tests/actors/web/js/packages.py types"


@pytest.mark.slow
def test_the_pages_modules_type_check() -> None:
    needs_packages("react-19")
    run(TSC, "-p", "tsconfig.page.json")


PROGRAM = """\
import { Chat, type AdjournError } from "@adjourn/client";
import { useChat } from "@adjourn/client/react";
import type { Event, PendingCall } from "@adjourn/client/protocol";

const chat = new Chat({ api: "/runs", onDecisionPending: (call: PendingCall) => void call.schema });
const sent: Promise<boolean> = chat.send("Hello");
const error: AdjournError | null = chat.error;
const { streamingMessage, respondWithDecision } = useChat({ api: "/runs" });
const content: string | undefined = streamingMessage?.model;
void respondWithDecision({ approved: true }, { toolCallId: "a" });
const kind = (event: Event): string => (event.type === "tool_decision_pending" ? event.digest : event.type);
chat.sned("Hello"); // wrong
new Chat({ agent: 7 }); // wrong
export { sent, error, content, kind };
"""


@pytest.mark.slow
def test_a_users_program_is_checked_against_the_published_types(tmp_path: Path) -> None:
    needs_packages("react-19")
    modules = tmp_path / "node_modules"
    (modules / "@adjourn").mkdir(parents=True)
    (modules / "@adjourn/client").symlink_to(CLIENT)
    (modules / "@types").symlink_to(HERE / "react-19/node_modules/@types")
    (tmp_path / "program.ts").write_text(PROGRAM, encoding="utf-8")
    options = ["--strict", "--noEmit", "--skipLibCheck", "false", "--module", "nodenext", "--lib", "es2024,dom"]
    done = subprocess.run(
        [NODE, TSC, *options, "--types", "react", "program.ts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )
    wrong = [number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("// wrong")]
    assert [int(number) for number in re.findall(r"^program\.ts\((\d+),", done.stdout, re.MULTILINE)] == wrong, (
        done.stdout
    )
    assert len(re.findall(r"error TS", done.stdout)) == len(wrong), done.stdout


# The published files.


def test_the_package_holds_its_modules_and_types_and_nothing_else() -> None:
    package = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))
    published = {path for pattern in package["files"] for path in CLIENT.glob(pattern)}
    published |= {path for folder in published if folder.is_dir() for path in folder.iterdir()}
    tracked = {ROOT / path for path in tracked_files() if path.startswith("actors/web/js/")}
    assert {path for path in published if path.is_file()} == tracked - {CLIENT / "package.json"}
    targets = {
        target
        for export in package["exports"].values()
        for target in ([export] if isinstance(export, str) else export.values())
    }
    assert [target for target in targets if not (CLIENT / target).is_file()] == []


def test_the_package_has_the_servers_version_and_no_dependencies() -> None:
    package = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))
    assert package["version"] == adjourn.__version__
    assert "dependencies" not in package
    imported = {
        name
        for path in CLIENT.glob("*.js")
        for name in re.findall(
            r'^(?:import|export) [^;]*?from "([^"]+)";', path.read_text(encoding="utf-8"), re.MULTILINE
        )
        if not name.startswith("./")
    }
    assert imported == {"react"}
