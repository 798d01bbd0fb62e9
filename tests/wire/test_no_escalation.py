"""Whatever a member does through the API, in whatever order, nobody ends up with more than the member's role allows.

A member with a role that hypothesis makes up attacks an organization, with every credential and every accomplice that
comes of it. Measured is what each can really do then: by whoami, and by verification as the APIs' owners ask.
"""

import hashlib
import itertools
import os
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.harness.neighbour import move_in
from tests.harness.people import join
from tests.harness.server import Client, RunningServer
from wayvo.core.access.permissions import OWN_AUDIENCE, PERMISSIONS, VERIFY

THEIRS: Final = "https://theirs.example.com"
"""The operator's API, which every organization can use."""

SCOPES: Final = ("orders:read", "orders:write")
OWN: Final = tuple(
    permission.name for permission in PERMISSIONS if not permission.is_operators and permission.name != VERIFY
)
"""What an organization beside the operator's can give: Wayvo's own API is not its, to ask about others' credentials."""

PATTERNS: Final = ("*", *OWN, "api-keys:*", "roles:*", "users:*")

POWERS: Final = ("api-keys:write", "users:write", "roles:write", "api-keys:import", "apis:use")
"""By which a member gives something to somebody at all: without them there is no attack."""

held_patterns = st.builds(
    lambda powers, others: sorted({*powers, *others}),
    st.sets(st.sampled_from(POWERS), min_size=2),
    st.sets(st.sampled_from(PATTERNS), max_size=3),
)
# Few at a time: one that is refused refuses them all.
pattern_sets = st.lists(st.sampled_from((*PATTERNS, VERIFY, "credentials:*")), min_size=1, max_size=2, unique=True)
api_patterns = st.lists(st.sampled_from(("*", "orders:*", *SCOPES, VERIFY)), max_size=1)
Wanted = tuple[list[str], list[str], list[str]]

accesses: st.SearchStrategy[Wanted] = st.one_of(
    st.tuples(pattern_sets, st.just([]), st.just([])),
    st.tuples(st.just([]), api_patterns, api_patterns),
    st.tuples(pattern_sets, api_patterns, api_patterns),
)
"""What to ask for on Wayvo's own API, on the organization's and on the operator's; mostly not at once, for one that is
refused refuses all."""

numbers = st.integers(0, 30)

_unique = itertools.count()


def covers(pattern: str, scope: str) -> bool:
    """Say whether a pattern stands for a scope, written down once more on purpose."""
    noun, _, verb = pattern.partition(":")
    return pattern == "*" or (scope.partition(":")[0] == noun and verb in ("*", scope.partition(":")[2]))


def stand_for(patterns: list[str], declared: tuple[str, ...]) -> set[str]:
    return {scope for scope in declared if any(covers(pattern, scope) for pattern in patterns)}


class Attack(RuleBasedStateMachine):
    """One organization, attacked by ``mallory``. ``server`` is set by the test."""

    server: RunningServer

    @initialize(
        permissions=held_patterns,
        ours_patterns=api_patterns,
        theirs_patterns=api_patterns,
        project_permissions=held_patterns,
    )
    def found(
        self,
        permissions: list[str],
        ours_patterns: list[str],
        theirs_patterns: list[str],
        project_permissions: list[str],
    ) -> None:
        moved = move_in(self.server)
        owner = self.server.client(moved.secret)
        self.ours = f"https://ours-{next(_unique)}.example.com"
        declared = [{"name": scope} for scope in SCOPES]
        _made(owner, "/v1/apis", audience=self.ours, name="Ours", scopes=declared)
        self.projects = [moved.project_id, _made(owner, "/v1/projects", name="Another")["id"]]
        # A wildcard on a role's own API may give the authority to ask; by its name it is nobody's on another's API.
        theirs_patterns = [pattern for pattern in theirs_patterns if pattern != VERIFY]
        access = {self.ours: ours_patterns, THEIRS: theirs_patterns}
        role = _made(owner, "/v1/roles", name="Mallory's", permissions=permissions, access=access)
        inside = _made(owner, "/v1/roles", name="In one project", permissions=project_permissions)
        mallory, victim = join(owner, role["id"]), join(owner, "admin")
        nobody = join(owner, _made(owner, "/v1/roles", name="Nothing", permissions=[])["id"])
        owner.put(f"/v1/projects/{self.projects[1]}/members/{mallory['id']}", json={"role": inside["id"]})
        everything = {OWN_AUDIENCE: ["*"], self.ours: ["*"], THEIRS: ["*"]}
        theirs_verifier = self.server.create_key(access={THEIRS: [VERIFY]})["api_key"]
        ours_verifier = _made(owner, "/v1/api-keys", name="Verifier", access={self.ours: [VERIFY]})["api_key"]
        self.verifiers = {
            self.ours: self.server.client(ours_verifier),
            THEIRS: self.server.client(theirs_verifier),
        }
        self.ceiling = {
            OWN_AUDIENCE: stand_for(permissions, OWN),
            self.ours: stand_for(ours_patterns, (*SCOPES, VERIFY)),
            THEIRS: stand_for(theirs_patterns, SCOPES),
        }
        if self.ceiling[OWN_AUDIENCE] & {"apis:use", "apis:write"}:
            self.ceiling[self.ours] = {*SCOPES, VERIFY}
        if "apis:use" in self.ceiling[OWN_AUDIENCE]:
            self.ceiling[THEIRS] = set(SCOPES)
        # Inside the one project mallory may do more, and give more of the APIs to what is in it.
        self.inside = {
            OWN_AUDIENCE: self.ceiling[OWN_AUDIENCE] | stand_for(project_permissions, OWN),
            self.ours: set(self.ceiling[self.ours]),
            THEIRS: set(self.ceiling[THEIRS]),
        }
        held_inside = stand_for(project_permissions, OWN)
        if held_inside & {"apis:use", "apis:write"}:
            self.inside[self.ours] = {*SCOPES, VERIFY}
        if "apis:use" in held_inside:
            self.inside[THEIRS] = set(SCOPES)
        self.owner = owner
        self.anybody = self.server.client(None)
        self.clients: dict[str, Client] = {}
        self.users = [mallory["id"], nobody["id"], victim["id"], moved.user_id]
        self.untouched = {victim["id"]: "admin", moved.user_id: "owner"}
        self.roles = ["owner", "admin", "developer", "viewer", role["id"], inside["id"]]
        self.keys = [_made(owner, "/v1/api-keys", name="Strong", access=everything)["id"]]
        self.secrets: list[str] = []
        for project_id, held in zip(self.projects, (self.ceiling, self.inside), strict=True):
            key = _made(
                owner,
                "/v1/api-keys",
                name="Mallory's",
                user_id=mallory["id"],
                project_id=project_id,
                access={audience: sorted(scopes) for audience, scopes in held.items()},
            )
            self.keys.append(key["id"])
            self.secrets.append(key["api_key"])

    def _attacker(self, number: int) -> Client:
        return self._client(self.secrets[number % len(self.secrets)])

    def _client(self, secret: str) -> Client:
        if secret not in self.clients:
            self.clients[secret] = self.server.client(secret)
        return self.clients[secret]

    def _access(self, wanted: Wanted) -> dict[str, list[str]]:
        return dict(zip((OWN_AUDIENCE, self.ours, THEIRS), wanted, strict=True))

    def _role(self, wanted: Wanted) -> dict[str, Any]:
        own, ours, theirs = wanted
        return {"permissions": own, "access": {self.ours: ours, THEIRS: theirs}}

    # What the attacker does

    @rule(by=numbers, wanted=accesses, user=numbers, project=numbers)
    def create_a_key(self, by: int, wanted: Wanted, user: int, project: int) -> None:
        bound: dict[str, Any] = {} if user % 2 else {"user_id": self.users[user // 2 % len(self.users)]}
        body = {"name": "New", "access": self._access(wanted), "project_id": self.projects[project % 2]}
        self._keep(self._attacker(by).post("/v1/api-keys", json=body | bound))

    @rule(by=numbers, one=numbers, user=numbers, project=numbers)
    def give_on_what_is_held_somewhere(self, by: int, one: int, user: int, project: int) -> None:
        held = sorted(self.inside[OWN_AUDIENCE])
        self.create_a_key(by, ([held[one % len(held)]], [], []), user, project)

    @rule(by=numbers, key=numbers, wanted=accesses)
    def change_a_key(self, by: int, key: int, wanted: Wanted) -> None:
        body = {"access": self._access(wanted)}
        self._attacker(by).patch(f"/v1/api-keys/{self.keys[key % len(self.keys)]}", json=body)

    @rule(by=numbers, key=numbers)
    def rotate_a_key(self, by: int, key: int) -> None:
        path = f"/v1/api-keys/{self.keys[key % len(self.keys)]}/rotate"
        self._keep(self._attacker(by).post(path, json={"overlap_seconds": 3600}))

    @rule(by=numbers, wanted=accesses)
    def import_a_key(self, by: int, wanted: Wanted) -> None:
        secret = f"old_{os.urandom(20).hex()}"
        row = {
            "sha256": hashlib.sha256(secret.encode()).hexdigest(),
            "name": "Old",
            "access": self._access(wanted),
        }
        shape = {"prefix": "old_", "alphabet": "hex", "min_length": 40, "max_length": 40}
        response = self._attacker(by).post("/v1/api-keys/import", json={"format": shape, "keys": [row]})
        if response.status_code == 200 and response.json()["created"]:
            self.secrets.append(secret)

    @rule(by=numbers, wanted=accesses)
    def create_a_role(self, by: int, wanted: Wanted) -> None:
        body = {"name": f"R{next(_unique)}", **self._role(wanted)}
        response = self._attacker(by).post("/v1/roles", json=body)
        if response.status_code == 201:
            self.roles.append(response.json()["id"])

    @rule(by=numbers, role=numbers, wanted=accesses)
    def change_a_role(self, by: int, role: int, wanted: Wanted) -> None:
        self._attacker(by).patch(f"/v1/roles/{self.roles[role % len(self.roles)]}", json=self._role(wanted))

    @precondition(lambda self: len(self.users) < 7)
    @rule(by=numbers, role=numbers)
    def invite_an_accomplice(self, by: int, role: int) -> None:
        body = {"email": f"eve{next(_unique)}@example.com", "role": self.roles[role % len(self.roles)]}
        response = self._attacker(by).post("/v1/invitations", json=body)
        if response.status_code == 201:
            token = response.json()["token"]
            accepted = self.anybody.post("/v1/invitations/accept", json={"token": token, "name": "Eve"})
            assert accepted.status_code == 200, accepted.text
            self.users.append(accepted.json()["user"]["id"])

    @rule(by=numbers, user=numbers, role=numbers)
    def change_a_members_role(self, by: int, user: int, role: int) -> None:
        user_id = self.users[user % len(self.users)]
        response = self._attacker(by).patch(f"/v1/users/{user_id}", json={"role": self.roles[role % len(self.roles)]})
        if response.status_code == 200:
            self.untouched.pop(user_id, None)

    @rule(by=numbers, user=numbers, role=numbers, project=numbers)
    def give_a_role_in_a_project(self, by: int, user: int, role: int, project: int) -> None:
        path = f"/v1/projects/{self.projects[project % 2]}/members/{self.users[user % len(self.users)]}"
        self._attacker(by).put(path, json={"role": self.roles[role % len(self.roles)]})

    def _keep(self, response: Any) -> None:
        assert response.status_code < 500, response.text
        if response.status_code == 201:
            self.keys.append(response.json()["id"])
            self.secrets.append(response.json()["api_key"])

    # What must hold

    @invariant()
    def no_credential_opens_more(self) -> None:
        for secret in getattr(self, "secrets", ()):
            response = self._client(secret).get("/v1/whoami")
            if response.status_code == 200:
                seen = response.json()
                assert set(seen["scopes"]) <= self.ceiling[OWN_AUDIENCE]
                if seen["in_project"] is not None:
                    is_there = seen["project"]["id"] == self.projects[1]
                    most = self.inside if is_there else self.ceiling
                    assert set(seen["in_project"]["scopes"]) <= most[OWN_AUDIENCE]
            for audience, verifier in self.verifiers.items():
                verdict = verifier.post("/v1/verify", json={"credential": secret, "audience": audience}).json()
                if verdict["valid"]:
                    most = self.inside if verdict["project_id"] == self.projects[1] else self.ceiling
                    assert set(verdict["scopes"]) <= most[audience], (audience, verdict)

    @invariant()
    def no_member_holds_more(self) -> None:
        if not hasattr(self, "users"):
            return
        roles = {role["id"]: role for role in self.owner.get("/v1/roles", params={"limit": 100}).json()["data"]}
        for user_id in self.users:
            role = self.owner.get(f"/v1/users/{user_id}").json()["role"]
            if self.untouched.get(user_id) == role:
                continue
            self._is_within(roles[role], self.ceiling)
        for project_id, most in zip(self.projects, (self.ceiling, self.inside), strict=True):
            for member in self.owner.get(f"/v1/projects/{project_id}/members").json()["data"]:
                self._is_within(roles[member["role"]], most)

    def _is_within(self, role: dict[str, Any], most: dict[str, set[str]]) -> None:
        assert stand_for(role["permissions"], OWN) <= most[OWN_AUDIENCE], role
        for audience, patterns in role["access"].items():
            declared = (*SCOPES, VERIFY) if audience == self.ours else SCOPES
            assert stand_for(patterns, declared) <= most[audience], role


def _made(client: Client, path: str, **body: Any) -> dict[str, Any]:
    response = client.post(path, json=body)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


@pytest.fixture
def attacked(server: RunningServer) -> RunningServer:
    """A server whose operator offers an API to all."""
    declared = [{"name": scope} for scope in SCOPES]
    body = {"audience": THEIRS, "name": "Theirs", "scopes": declared, "visibility": "installation"}
    assert server.client().post("/v1/apis", json=body).status_code == 201
    Attack.server = server
    return server


@pytest.mark.usefixtures("attacked")
def test_no_sequence_of_calls_ends_with_more_than_the_role_allows() -> None:
    run_state_machine_as_test(
        Attack,
        settings=settings(
            max_examples=50,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
        ),
    )
