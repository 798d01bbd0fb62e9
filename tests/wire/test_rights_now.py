"""A user's rights count as they are when a job runs, not as they were when the request was let in."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.harness.acting import Acting
from tests.harness.people import join
from tests.harness.server import RunningServer
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.credentials.foreign import KeyFormat
from wayvo.core.errors import InsufficientScope, NotFound
from wayvo.core.paging import Cursors
from wayvo.services.api_key_changes import ChangeApiKey
from wayvo.services.api_keys import ApiKeys, CreateApiKey, RotateApiKey
from wayvo.services.apis import Apis, ChangeApi, RegisterApi
from wayvo.services.key_imports import ImportedKey, ImportKeys, KeyImports
from wayvo.services.lists import Lister
from wayvo.services.projects import ChangeProject, CreateProject
from wayvo.verify.meter import Meter
from wayvo.verify.scope_uses import ScopeUses


@pytest.fixture
def acting(server: RunningServer) -> Acting:
    return Acting(server)


def api_keys(acting: Acting) -> ApiKeys:
    installation = acting.server.installation
    lister = Lister(installation.database, Cursors(bytes(32)))
    return ApiKeys(installation.database, lister, installation.draw, installation.digester, Meter(), ScopeUses())


def test_who_was_demoted_after_the_request_was_let_in_makes_changes_and_rotates_no_key(acting: Acting) -> None:
    service, client = api_keys(acting), acting.server.client()
    key = acting.server.create_key(scopes=["users:read"])
    user = join(client, "viewer")["id"]
    was_admin = acting.member(user, "admin")
    steps: list[Any] = [
        service.create(was_admin, CreateApiKey(name="n", access={OWN_AUDIENCE: ("users:read",)}), None),
        service.change(was_admin, key["id"], ChangeApiKey(name="n")),
        service.rotate(was_admin, key["id"], RotateApiKey(overlap_seconds=0), None),
    ]
    assert [type(acting.do(step)) for step in steps] == [InsufficientScope] * 3


def test_who_was_demoted_after_the_request_was_let_in_makes_and_changes_no_project_and_no_api(acting: Acting) -> None:
    client = acting.server.client()
    api_id = client.post("/v1/apis", json={"audience": "urn:example:now", "name": "n"}).json()["id"]
    installation = acting.server.installation
    apis = Apis(installation.database, Lister(installation.database, Cursors(bytes(32))), installation.draw)
    was_admin = acting.member(join(client, "viewer")["id"], "admin")
    steps: list[Any] = [
        acting.projects.create(was_admin, CreateProject(name="n"), None),
        acting.projects.change(was_admin, acting.project_id, ChangeProject(name="n")),
        acting.projects.archive(was_admin, acting.project_id),
        apis.register(was_admin, RegisterApi(audience="urn:example:later", name="n"), None),
        apis.change(was_admin, api_id, ChangeApi(name="m")),
    ]
    assert [type(acting.do(step)) for step in steps] == [InsufficientScope] * 5


def test_who_was_removed_after_the_request_was_let_in_makes_changes_and_rotates_no_key(acting: Acting) -> None:
    service, client = api_keys(acting), acting.server.client()
    key = acting.server.create_key(scopes=["users:read"])
    user = join(client, "admin")["id"]
    client.delete(f"/v1/users/{user}").raise_for_status()
    was_admin = acting.member(user, "admin")
    refused = acting.do(service.create(was_admin, CreateApiKey(name="n"), None))
    assert isinstance(refused, InsufficientScope)
    steps: list[Any] = [
        service.change(was_admin, key["id"], ChangeApiKey(name="n")),
        service.rotate(was_admin, key["id"], RotateApiKey(overlap_seconds=0), None),
    ]
    assert [type(acting.do(step)) for step in steps] == [NotFound] * 2


def test_who_acts_in_an_organization_that_was_disabled_meanwhile_changes_no_member(acting: Acting) -> None:
    client = acting.server.client()
    member = join(client, "viewer")["id"]
    organization_id = client.post(
        "/v1/organizations", json={"name": "Umbrella", "owner_email": "o@umbrella.example"}
    ).json()["id"]
    assert organization_id != acting.organization_id
    owner = replace(acting.member(acting.owner_id, "owner"), organization_id=organization_id)
    client.post(f"/v1/organizations/{organization_id}/disable").raise_for_status()
    refused = acting.do(acting.users.change_role(owner, member, "admin"))
    assert refused.code == "organization_disabled"


def test_who_was_demoted_after_the_request_was_let_in_imports_no_key(acting: Acting) -> None:
    installation = acting.server.installation
    service = KeyImports(installation.database, installation.draw, [installation.digester])
    was_admin = acting.member(join(acting.server.client(), "viewer")["id"], "admin")
    keys = ImportKeys(format=KeyFormat("sk_", "base62", 30, 30), keys=(ImportedKey(sha256=bytes(32), name="Imported"),))
    assert isinstance(acting.do(service.run(was_admin, keys)), InsufficientScope)
