"""The pages: their programs run, their links and names lead somewhere, their generated parts are up to date."""

import contextlib
import importlib
import io
import json
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import get_args

import markdown_pages
import pages
import pytest
from markdown_pages import Example
from tracked import ROOT, tracked_files

import adjourn.protocol
from adjourn.actors.web.openapi import openapi_document
from adjourn.protocol.events import Event

PAGES = [page for page in markdown_pages.pages() if page != ROOT / "README.md"]  # tests/test_docs.py has that one
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in markdown_pages.pages()}
PROGRAMS = [
    pytest.param(example, id=f"{page.relative_to(ROOT)} line {example.line}")
    for page in PAGES
    for example in markdown_pages.examples(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("example", PROGRAMS)
def test_a_program_of_a_page_runs_and_prints_its_output(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "example.py"
    file.write_text(example.program, encoding="utf-8")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example.program, file, "exec"), {"__name__": "__main__"})
    if example.output is not None:
        assert printed.getvalue() == example.output


@pytest.mark.parametrize("page", sorted(TEXTS))
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    links = [link for link in markdown_pages.links(TEXTS[page]) if not link.startswith("https://")]
    assert [link for link in links if not leads_somewhere(ROOT / page, link)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in markdown_pages.anchors(target.read_text(encoding="utf-8")))


def test_links_and_headings_are_found() -> None:
    assert markdown_pages.links("[a](b.md#c) `[d](e)`\n<img src='f.png'>") == ["b.md#c", "f.png"]
    assert markdown_pages.anchors("# A `b`, c\n\n```sh\n# d\n```") == {"a-b-c"}


def test_generated_parts_are_up_to_date() -> None:
    stale = [str(page.relative_to(ROOT)) for page, text in pages.generated().items() if page.read_text() != text]
    assert stale == [], "run .venv/bin/python tests/support/pages.py"


def packages() -> list[str]:
    """Return the packages whose names programs use: `adjourn`, and those of stores and actors without the command."""
    inits = tracked_files("stores/*__init__.py", "actors/*__init__.py")
    names = [f"adjourn.{path.removesuffix('/__init__.py').replace('/', '.')}" for path in inits]
    return ["adjourn", *(name for name in names if name != "adjourn.actors.cli")]


@pytest.mark.parametrize("package", packages())
def test_every_public_name_has_an_entry(package: str) -> None:
    """Names of the protocol are on its own page, by their name on the wire."""
    entries = set(re.findall(r"^### (\w+)$", TEXTS["actors/REFERENCE.md"] + TEXTS["stores/README.md"], re.MULTILINE))
    names = {name for name in importlib.import_module(package).__all__ if name[0] != "_"}
    assert names - entries - set(adjourn.protocol.__all__) == set()


@pytest.mark.parametrize("page", sorted(TEXTS))
def all_tests_of_a_page_exist(page: str) -> None:
    text = TEXTS[page]
    taken = markdown_pages.taken_names(text)
    assert [(module, name) for module, name in taken if name not in importlib.import_module(module).__all__] == []
    assert [path for path in markdown_pages.named_paths(text) if not (ROOT / path).exists()] == []
    assert (
        set(markdown_pages.named_tests(text)) - {Path(path).stem for path in tracked_files("tests/*.py")} <= all_tests()
    )


@cache
def all_tests() -> set[str]:
    """Return the names of all Python tests."""
    sources = [(ROOT / path).read_text(encoding="utf-8") for path in tracked_files("tests/*.py")]
    return {name for source in sources for name in re.findall(r"def (test_\w+)", source)}


def test_an_example_is_compared_with_the_text_block_right_after_it() -> None:
    markdown = "```sh\nls\n```\n\n```python\nprint(1)\n```\n\n```text\n2\n```\n"
    markdown += "\n```python\npass\n```\nThen:\n```text\n3\n```\n"
    assert markdown_pages.examples(markdown) == [Example(5, "print(1)\n", "2\n"), Example(13, "pass\n", None)]


def test_the_readmes_figures_are_those_of_the_benchmark() -> None:
    run = json.loads((ROOT / "bench/results.json").read_text(encoding="utf-8"))["figures"][0]
    assert (run["scenario"], run["name"]) == (1, "memory, one after another")
    said = re.search(r"takes\s(\d+) µs of CPU in memory, ([\d.]+) times", TEXTS["README.md"])
    assert said is not None
    assert said.groups() == (f"{run['ours']['median']:.0f}", f"{run['ratio']['median']:.1f}")


def test_the_readme_names_every_extra_that_users_may_want() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {extra for extra in extras if f"`{extra}`" not in TEXTS["README.md"]} == {"dev", "browser", "lint"}


def test_every_http_request_is_on_its_page() -> None:
    paths: dict[str, dict[str, object]] = json.loads(openapi_document("1"))["paths"]
    requests = {f"{verb.upper()} {path.replace('{runId}', 'RUN')}" for path, verbs in paths.items() for verb in verbs}
    text = TEXTS["actors/web/README.md"].replace("` · `/", "` · `POST /")
    assert {request for request in requests if f"`{request}`" not in text} == set()


def test_every_event_is_compared_with_agentic_kits() -> None:
    tags = {kind.__struct_config__.tag for kind in get_args(Event)}
    assert {tag for tag in tags if f"`{tag}`" not in TEXTS["actors/COMING_FROM.md"]} == set()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_systemd_unit_is_valid(tmp_path: Path) -> None:
    [unit] = markdown_pages.blocks(TEXTS["actors/DEPLOY.md"], "ini")
    program = re.search(r"^ExecStart=(\S+)", unit, re.MULTILINE)
    assert program is not None
    file = tmp_path / "shop.service"
    file.write_text(unit.replace(program[1], sys.executable), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_compose_file_of_nodes_gives_each_its_own_urls_and_all_one_store() -> None:
    yaml = pytest.importorskip("yaml")
    services = yaml.safe_load(markdown_pages.blocks(TEXTS["actors/DEPLOY.md"], "yaml")[1])["services"]
    database = services.pop("db")["environment"]
    for name, node in services.items():
        assert node["environment"]["ADJOURN_NODE_URL"] == f"ws://{name}:8765"
        assert node["command"][-1] == f"postgresql://{database['POSTGRES_USER']}@db/{database['POSTGRES_DB']}"
        published = {port.rpartition(":")[2]: port.rpartition(":")[0] for port in node["ports"]}
        assert published.keys() == {"8765", "8766"}
        assert node["environment"]["ADJOURN_PUBLIC_URL"] == f"http://{published['8766']}"
        assert {"ADJOURN_TOKEN", "PGPASSWORD"} <= node["environment"].keys()


def test_the_compose_file_fits_the_container_file() -> None:
    yaml = pytest.importorskip("yaml")
    compose = markdown_pages.blocks(TEXTS["actors/DEPLOY.md"], "yaml")[0]
    [container] = markdown_pages.blocks(TEXTS["actors/DEPLOY.md"], "dockerfile")
    service = yaml.safe_load(compose)["services"]["shop"]
    exposed = re.findall(r"^EXPOSE (.+)$", container, re.MULTILINE)[0].split()
    assert [port.split(":")[-1] for port in service["ports"]] == exposed == ["8765", "8766"]
    assert [volume.split(":")[1] for volume in service["volumes"]] == re.findall(
        r"^VOLUME (.+)$", container, re.MULTILINE
    )
    command = json.loads(re.findall(r"^CMD (.+)$", container, re.MULTILINE)[0])
    assert command[:3] == ["adjourn", "serve", "shop:agents"]
