"""The reference: what it shows is what the server does, to every reader, with no script and no other host."""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

import pytest

from tests.harness.people import found_organization, invite, join, make_role
from tests.harness.server import Client, RunningServer
from wayvo.api.pages import site
from wayvo.core import problem_json
from wayvo.core.errors import PROBLEMS, Problem

PAGES = ("/docs", "/docs/errors", "/docs/errors/insufficient_scope")
EVERY_PAGE = pytest.mark.parametrize("path", PAGES)
POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
METHODS = ("get", "post", "put", "patch", "delete")
STYLE = (Path(site.__file__).parent / "reference.css").read_text(encoding="utf-8")
PAIRS = (
    *(("paper", ink) for ink in ("ink", "soft", "accent", "good", "bad")),
    *(("shade", ink) for ink in ("ink", "soft", "accent")),
    *(("panel", ink) for ink in ("panel-ink", "panel-good", "c-name", "c-text", "c-value")),
    *(("panel-top", ink) for ink in ("panel-soft", "panel-good", "panel-bad")),
)
LEAST_CONTRAST = 4.5
VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Page(HTMLParser):
    """A page as its tags with attributes, and the text of each element that has an id or is a heading."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.unclosed: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if any(re.fullmatch("h[1-6]", tag) for tag in self.unclosed):
            level, heading = self.headings[-1]
            self.headings[-1] = (level, heading + data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


def page(client: Client, path: str) -> Page:
    response = client.get(path)
    assert response.status_code == 200, path
    parsed = Page(response.text)
    assert parsed.unclosed == []
    return parsed


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


@pytest.fixture
def anyone(shared_server: RunningServer) -> Client:
    """A client without a key."""
    return shared_server.client(None)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: str(problem.code))
def test_the_type_of_every_problem_is_the_address_of_its_page(
    problem: type[Problem], shared_server: RunningServer, anyone: Client
) -> None:
    document = json.loads(problem_json.render(problem("x"), shared_server.url, "req_1"))
    response = anyone.get(document["type"])
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert Page(response.text).headings[0] == (1, problem.code)


def test_a_code_that_does_not_exist_has_no_page(anyone: Client) -> None:
    response = anyone.get("/docs/errors/no_such_code")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert anyone.get("/docs/errors/..%2fsettings").status_code == 404


def test_the_list_of_error_codes_leads_to_every_one_of_them(anyone: Client) -> None:
    links = {link["href"] for link in page(anyone, "/docs/errors").all("a")}
    assert {f"/docs/errors/{problem.code}" for problem in PROBLEMS} <= links


@EVERY_PAGE
def test_a_page_may_load_its_style_sheet_and_nothing_else(path: str, anyone: Client) -> None:
    headers = anyone.get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"


@EVERY_PAGE
def test_a_page_has_no_script_no_inline_style_and_names_no_other_host(path: str, anyone: Client) -> None:
    tags = page(anyone, path).tags
    assert {tag for tag, _ in tags}.isdisjoint({"script", "style", "iframe", "form", "object", "img"})
    for _, attributes in tags:
        assert not any(name == "style" or name.startswith("on") for name in attributes)
        for address in (attributes.get("href", ""), attributes.get("src", "")):
            assert urlsplit(address).netloc == ""
            assert urlsplit(address).scheme == ""


def test_the_style_sheet_is_named_after_its_content_and_may_be_kept_for_ever(anyone: Client) -> None:
    (link,) = page(anyone, "/docs").all("link")
    response = anyone.get(link["href"])
    assert (response.status_code, response.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert link["href"].endswith(f"/{hashlib.sha256(response.content).hexdigest()[:16]}.css")
    assert response.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_the_style_sheet_fetches_nothing_itself() -> None:
    assert re.findall(r"url\(|@import|https?:", STYLE) == []


def test_a_style_sheet_of_another_version_is_not_there(anyone: Client) -> None:
    response = anyone.get("/docs/assets/0123456789abcdef.css")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_pages_are_not_kept_by_caches_so_that_they_never_outlive_their_style_sheet(anyone: Client) -> None:
    assert anyone.get("/docs").headers["cache-control"] == "no-store"


@EVERY_PAGE
def test_every_link_leads_somewhere(path: str, anyone: Client) -> None:
    known: dict[str, set[str]] = {}
    for link in page(anyone, path).all("a"):
        address, fragment = urldefrag(link["href"])
        target = address or path
        if target not in known:
            response = anyone.get(target)
            assert response.status_code == 200, target
            known[target] = set(Page(response.text).ids) if "html" in response.headers["content-type"] else set()
        assert not fragment or fragment in known[target], link["href"]
    assert len(known) > 3


@EVERY_PAGE
def test_a_page_can_be_walked_by_its_headings_and_landmarks(path: str, anyone: Client) -> None:
    parsed = page(anyone, path)
    levels = [level for level, _ in parsed.headings]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(following <= level + 1 for level, following in pairwise(levels))
    assert all(heading.strip() for _, heading in parsed.headings)
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert [len(parsed.all(tag)) for tag in ("header", "main", "footer")] == [1, 1, 1]
    assert all(attributes.get("aria-label") for attributes in parsed.all("nav"))
    labels = {attributes["aria-labelledby"] for _, attributes in parsed.tags if "aria-labelledby" in attributes}
    assert labels <= set(parsed.ids)
    assert parsed.all("html") == [{"lang": "en"}]


@EVERY_PAGE
def test_the_first_link_skips_to_the_content(path: str, anyone: Client) -> None:
    parsed = page(anyone, path)
    assert parsed.all("a")[0]["href"] == "#content"
    assert parsed.all("main")[0]["id"] == "content"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_enough_contrast(theme: str) -> None:
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in _themes())
    colours = light if theme == "light" else light | dark
    assert len(dark) > 5
    found = {pair: round(_contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in PAIRS}
    assert {pair: contrast for pair, contrast in found.items() if contrast < LEAST_CONTRAST} == {}


def _themes() -> tuple[str, str]:
    light, _, rest = STYLE.partition("@media (prefers-color-scheme: dark)")
    return light, rest[: rest.index("}")]


def _contrast(one: str, other: str) -> float:
    """Return the contrast ratio as WCAG 2.2 defines it."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_reference_shows_every_operation_of_the_document_with_all_that_it_takes(anyone: Client) -> None:
    document = anyone.get("/openapi.json").json()
    html = anyone.get("/docs").text
    shown = page(anyone, "/docs")
    for method, path, operation in operations(document):
        section = _section(html, operation["operationId"])
        assert f"{method.upper()} {path}" in re.sub(r"\s+", " ", Page(section).text), (method, path)
        for parameter in operation.get("parameters", ()):
            assert f'<code class="name">{parameter["name"]}</code>' in section
        for status, response in operation["responses"].items():
            assert status in Page(section).text
            for code in _codes(response):
                assert f'href="/docs/errors/{code}"' in section
        if body := operation.get("requestBody"):
            name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            for field in document["components"]["schemas"][name].get("properties", {}):
                assert f'<code class="name">{field}</code>' in section, (operation["operationId"], field)
    assert {operation["operationId"] for _, _, operation in operations(document)} <= set(shown.ids)


def test_a_field_is_shown_with_its_type_limits_default_and_example(anyone: Client) -> None:
    text = re.sub(r"\s+", " ", Page(_section(anyone.get("/docs").text, "createApiKey")).text)
    assert "name string required 1 to 100 characters Example Billing service" in text
    assert "One of live test Default live" in text
    assert "each noun:verb, noun:* or *" in text
    rotation = re.sub(r"\s+", " ", Page(_section(anyone.get("/docs").text, "rotateApiKey")).text)
    assert "Default 86400 0 to 2592000" in rotation


def _section(html: str, operation_id: str) -> str:
    """Return the part of the page that is about one operation."""
    start = html.index(f'<section class="pair operation" id="{operation_id}"')
    return html[start : html.index("</section>", start)]


def _codes(response: Mapping[str, Any]) -> list[str]:
    schema = response.get("content", {}).get("application/problem+json", {}).get("schema", {})
    narrowed = [part["properties"]["code"]["enum"] for part in schema.get("allOf", ()) if "properties" in part]
    return [code for codes in narrowed for code in codes]


def _operation_ids() -> list[str]:
    """Return the operations to try, so that each is a test of its own; one below looks that none is missing."""
    return [
        *("createApiKey", "listApiKeys", "getApiKey", "changeApiKey", "rotateApiKey", "revokeApiKey"),
        "importApiKeys",
        *("verify", "verifyByHeader", "forwardAuth", "forwardAuthBelow"),
        *("registerApi", "listApis", "getApi", "changeApi"),
        *("createProject", "listProjects", "getProject", "changeProject", "archiveProject"),
        *("listProjectMembers", "putProjectMember", "removeProjectMember"),
        *("createOrganization", "listOrganizations", "getOrganization", "renameOrganization"),
        *("disableOrganization", "enableOrganization"),
        *("createInvitation", "listInvitations", "getInvitation", "withdrawInvitation", "acceptInvitation"),
        *("createRole", "listRoles", "getRole", "changeRole", "deleteRole", "listPermissions"),
        *("listAuditEvents", "getAuditEvent"),
        *("listUsers", "getUser", "changeUserRole", "removeUser", "whoami", "healthz", "readyz"),
        *("openapi", "docs", "docsErrors", "docsError", "docsAsset"),
    ]


def test_every_example_of_the_reference_is_tried(anyone: Client) -> None:
    document = anyone.get("/openapi.json").json()
    assert sorted(operation["operationId"] for _, _, operation in operations(document)) == sorted(_operation_ids())


@pytest.mark.parametrize("operation_id", _operation_ids())
def test_the_example_of_an_operation_works_as_pasted_and_is_answered_as_shown(
    operation_id: str, shared_server: RunningServer, client: Client
) -> None:
    section = _section(client.get("/docs").text, operation_id)
    request, *answers = [Page(code).text for code in re.findall(r"<pre><code>(.*?)</code></pre>", section, re.DOTALL)]
    project = client.post("/v1/projects", json={"name": "To be archived"}).json()
    api = client.post("/v1/apis", json={"audience": f"urn:example:{operation_id.lower()}", "name": "To be changed"})
    invitation = invite(client)
    member = join(client, "admin")
    client.put(f"/v1/projects/{project['id']}/members/{member['id']}", json={"role": "viewer"})
    environment = {
        "WAYVO_URL": shared_server.url,
        "WAYVO_API_KEY": shared_server.key,
        "API_KEY_ID": shared_server.create_key()["id"],
        "PROJECT_ID": project["id"],
        "API_ID": api.json()["id"],
        "USER_ID": member["id"],
        "ORGANIZATION_ID": found_organization(client)["id"],
        "INVITATION_ID": invitation["id"],
        "INVITATION_TOKEN": invitation["token"],
        "ROLE_ID": make_role(client, "projects:read")["id"],
        "AUDIT_EVENT_ID": client.get("/v1/audit-events").json()["data"][0]["id"],
        "NAME": page(client, "/docs").all("link")[0]["href"].rpartition("/")[2],
        "PATH": os.environ["PATH"],
    }
    pasted = f"{request} --silent --show-error --max-time 20 --write-out '\n%{{http_code}}'"
    run = subprocess.run(["sh", "-c", pasted], env=environment, capture_output=True, text=True, check=True)
    body, _, status = run.stdout.rpartition("\n")
    assert status in re.findall(r'class="status good">(\d+)', section), body
    if answers:
        answer, example = json.loads(body), json.loads(answers[0])
        assert answer.keys() == example.keys()
        assert {name: type(value) for name, value in answer.items() if value and example[name]} == {
            name: type(value) for name, value in example.items() if value and answer[name]
        }
        assert answer.get("valid", True), "the example of a verification is a yes"


def test_the_links_of_a_server_below_a_path_stay_below_it(tmp_path: Path) -> None:
    with RunningServer(tmp_path, WAYVO_PUBLIC_URL="https://example.com/wayvo") as server:
        parsed = Page(server.client(None).get("/docs").text)
    addresses = [attributes["href"] for _, attributes in parsed.tags if "href" in attributes]
    assert [address for address in addresses if not address.startswith(("#", "/wayvo/"))] == []
    assert "/wayvo/docs/errors/not_found" in addresses
    assert "https://example.com/wayvo" in parsed.text
