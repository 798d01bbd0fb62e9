"""What the documentation says is so: settings, commands, files, links, the first screen of the README."""

import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import wayvo
from tests.architecture.project import ROOT, SOURCE
from wayvo.api.pages.error_pages import folder_of_pages
from wayvo.cli import quickstart
from wayvo.cli.main import app
from wayvo.core.access.permissions import PERMISSIONS
from wayvo.core.errors import PROBLEMS
from wayvo.settings import CLIENT_VARIABLES, FIELDS, load

DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
SECTIONS = ["Context", "Decision", "Consequences", "Alternatives"]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """Return what the headings of a page are called in a link to them."""
    headings = re.findall(r"^#+ (.+)$", without_code(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_setting_is_documented_with_its_default_and_its_meaning() -> None:
    rows = re.findall(r"^\| `(WAYVO_\w+)` \| (.+?) \| (.+) \|$", text_of(DOCS / "settings.md"), flags=re.MULTILINE)
    shown = {None: "none", "": "empty"}
    assert rows == [
        (field.variable, shown.get(field.default, f"`{field.default}`"), field.description) for field in FIELDS
    ]


def test_the_page_of_permissions_is_what_the_catalogue_makes_of_it() -> None:
    """If it is not: ``scripts/permissions-page`` writes it."""
    made = runpy.run_path(str(ROOT / "scripts" / "permissions-page"))["page"]()
    assert text_of(DOCS / "permissions.md") == made
    rows = re.findall(r"^\| `([\w:-]+)` \| (.+?) \|", made, flags=re.MULTILINE)
    assert rows == [(permission.name, permission.description) for permission in PERMISSIONS]


def test_the_page_of_the_audit_trail_names_every_action_and_no_other() -> None:
    table = re.findall(r"^\| (`\w+\.\w+`.*?) \|", text_of(DOCS / "audit.md"), flags=re.MULTILINE)
    named = [action for row in table for action in re.findall(r"`(\w+\.\w+)`", row)]
    services = "".join(text_of(module) for module in (SOURCE / "services").rglob("*.py"))
    recorded = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', services))
    assert sorted(named) == sorted(recorded)


def test_every_variable_of_the_client_is_documented() -> None:
    section = text_of(DOCS / "settings.md").partition("## Of the command line")[2]
    assert tuple(re.findall(r"^\| `(WAYVO_\w+)` \|", section, flags=re.MULTILINE)) == CLIENT_VARIABLES


@EVERY_PAGE
def test_every_variable_that_a_page_names_exists(page: Path) -> None:
    # The guides call a verifier's key so: a service's own variable.
    known = {field.variable for field in FIELDS} | {*CLIENT_VARIABLES, "WAYVO_CONFIG", "WAYVO_VERIFIER_KEY"}
    assert set(re.findall(r"\bWAYVO_[A-Z_]+[A-Z]\b", text_of(page))) <= known


def test_the_example_of_a_settings_file_is_understood(tmp_path: Path) -> None:
    (code,) = [code for _, language, code in FENCE.findall(text_of(DOCS / "settings.md")) if language == "toml"]
    values = tomllib.loads(code)
    for name in ("tls_cert", "tls_key"):
        (tmp_path / Path(values[name]).name).touch()
    moved = re.sub(r'"/[\w/]+/(\w+\.pem)"', rf'"{tmp_path.as_posix()}/\1"', code)
    (tmp_path / "wayvo.toml").write_text(moved, encoding="utf-8")
    settings = load({"WAYVO_CONFIG": str(tmp_path / "wayvo.toml")})
    assert (settings.public_url, settings.trusted_proxies) == ("https://keys.example.com", ("10.0.0.0/8",))
    assert settings.has_tls


@EVERY_PAGE
def test_every_link_to_a_file_leads_to_it_and_to_its_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text_of(page))):
        if re.match(r"https?://", target):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not fragment or fragment in anchors(text_of(file)), target


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the ``wayvo`` command lines of a page's code blocks, as words."""
    for _, language, code in FENCE.findall(text_of(page)):
        if language not in {"sh", "console"}:
            continue
        for line in re.sub(r"\\\n", " ", code).splitlines():
            if found := re.match(r"(?:\$ )?wayvo (.+)", line.strip()):
                yield re.sub(r'"[^"]*"', "x", found[1]).split(" > ")[0].split(" #")[0].split()


def refusals(words: Sequence[str]) -> list[str]:
    """Return what of a command line the command line does not know."""
    command: Any = get_command(app)
    words = list(words)
    while words and getattr(command, "commands", None):
        name = words.pop(0)
        if name not in command.commands:
            return [name]
        command = command.commands[name]
        command = command.loaded() if hasattr(command, "loaded") else command
    known = {option for parameter in command.params for option in parameter.opts}
    return [word for word in words if word.startswith("--") and word not in known]


@EVERY_PAGE
def test_every_command_line_that_a_page_shows_is_understood(page: Path) -> None:
    found = [" ".join(words) for words in commands(page) if refusals(words)]
    assert found == []


def test_the_guides_show_command_lines_and_a_wrong_one_is_noticed() -> None:
    assert len(list(commands(DOCS / "api-keys.md"))) >= 5
    assert refusals(["keys", "make"]) == ["make"]
    assert refusals(["keys", "create", "--nmae", "x"]) == ["--nmae"]
    assert refusals(["serve", "--bnid", "x"]) == ["--bnid"]
    assert refusals(["org", "create", "--nmae", "x"]) == ["--nmae"]


def test_the_first_screen_of_the_readme_is_what_make_run_prints() -> None:
    greeting = quickstart._greeting(load({}), "wv_live_…").strip()
    readme = text_of(ROOT / "README.md")
    assert readme.index(greeting) < 900, "it is on the first screen"
    assert "$ make run" in readme[: readme.index(greeting)]


def test_the_map_names_every_room_and_no_file_that_is_not_there() -> None:
    architecture = text_of(DOCS / "architecture.md")
    entries = {path.name for path in SOURCE.iterdir() if not path.name.startswith(("_", "."))} - {"py.typed"}
    rooms = re.findall(r"^\| `([\w.]+)/?` \|", architecture, flags=re.MULTILINE)
    assert set(rooms) >= entries
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py|(?:[a-z_]+/)+)`", architecture)
    missing = [name for name in named if not any((root / name).exists() for root in (SOURCE, ROOT))]
    # A topic's noun in every room is said by its bare name.
    assert [name for name in missing if name != "api_keys.py"] == []
    assert len(named) > 60


def test_the_map_shows_the_layers_that_the_imports_are_held_to() -> None:
    shown = next(
        code for _, language, code in FENCE.findall(text_of(DOCS / "architecture.md")) if language == "text"
    ).splitlines()
    contracts = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    there = [[room for room in layer.split(" | ") if not room.startswith(("(", "__"))] for layer in layers]
    rooms = [room for layer in layers for room in re.findall(r"\((\w+)\)", layer) if (SOURCE / room).exists()]
    assert [set(line.split()) - set(rooms) for line in shown] == [set(layer) for layer in there if layer]


def test_decisions_are_numbered_without_a_gap_and_say_why() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    for path in DECISIONS:
        decision = text_of(path)
        assert decision.startswith(f"# {int(path.name[:4])}. ")
        assert re.findall(r"^## (.+)$", decision, flags=re.MULTILINE) == SECTIONS, path.name


def test_the_changelog_has_the_form_that_it_says_it_has() -> None:
    changelog = text_of(ROOT / "CHANGELOG.md")
    versions = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d{2}-\d{2})?$", changelog, flags=re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert wayvo.__version__ in changelog
    kinds = set(re.findall(r"^### (.+)$", changelog, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_a_checkout_serves_the_error_pages_of_its_docs_folder() -> None:
    assert folder_of_pages() == DOCS / "errors"


def copy_of_the_project(folder: Path) -> Path:
    """Copy what a build needs."""
    for name in ("src", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


def test_an_editable_install_has_no_copies_that_could_grow_old(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path)
    build = "from hatchling.build import build_editable; print(build_editable('.'))"
    run = subprocess.run([sys.executable, "-c", build], cwd=project, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(project / run.stdout.strip()) as archive:
        assert [name for name in archive.namelist() if name.startswith("wayvo/")] == []
        (path,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".pth")]
    assert Path(path) == project / "src"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as a wheel installs it, from a copy of what the build needs."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("wheel"))
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "dist")]
    subprocess.run(build, cwd=folder, capture_output=True, text=True, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_a_wheel_carries_the_error_pages_the_templates_and_the_style_sheet(installed: Path) -> None:
    pages = installed / "wayvo" / "api" / "pages"
    assert {path.stem for path in (pages / "errors").iterdir()} == {problem.code for problem in PROBLEMS}
    source = SOURCE / "api" / "pages"
    for path in [source / "reference.css", *(source / "templates").iterdir()]:
        assert (pages / path.relative_to(source)).read_bytes() == path.read_bytes()


def test_an_installed_package_serves_the_error_pages_that_it_carries(installed: Path) -> None:
    program = "import wayvo.api.pages.error_pages as e; print(e.folder_of_pages()); print(*e.error_pages())"
    environment = {"PYTHONPATH": str(installed)}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=installed, env=environment, capture_output=True, text=True, check=True
    )
    folder, codes = run.stdout.splitlines()
    assert Path(folder) == installed / "wayvo" / "api" / "pages" / "errors"
    assert codes.split() == [problem.code for problem in PROBLEMS]
