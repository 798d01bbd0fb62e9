"""``/v1/invitations``: a link makes whoever opens it a member, once, for a week."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from sqlalchemy import Connection, select

from tests.harness.neighbour import move_in
from tests.harness.people import PASSWORD, found_organization, invite, join, make_role
from tests.harness.rows import stored_rows
from tests.harness.server import Client, RunningServer
from tests.wire.doors import problem
from wayvo.core.access.roles import BUILT_IN
from wayvo.installation import Installation
from wayvo.services.passwords import hash_password, is_password
from wayvo.store import users as users_store
from wayvo.store.tables import users

DAY: Final = 86_400
ACCEPT: Final = "/v1/invitations/accept"
GONE: Final = (404, "invitation_invalid")


def code(response: Any) -> tuple[int, str]:
    """Return a refusal's status and code."""
    return response.status_code, problem(response)["code"]


def holder(server: RunningServer, *scopes: str) -> Client:
    """Return a client whose key holds these scopes."""
    return server.client(server.create_key(scopes=scopes)["api_key"])


def password_hash(server: RunningServer, email: str) -> str | None:
    """Return what is stored of a user's password."""

    def query(connection: Connection) -> str | None:
        statement = select(users.c.password_hash).where(users.c.email == email)
        found: str | None = connection.execute(statement).scalar_one()
        return found

    async def step(installation: Installation) -> str | None:
        return await installation.database.read(query)

    return server.call(step)


def test_an_invitation_shows_its_link_once_and_its_token_in_the_fragment_alone(
    shared_server: RunningServer, client: Client
) -> None:
    issued = invite(client, "developer", "Ann@Example.com")
    assert issued == {
        "id": issued["id"],
        "organization_id": issued["organization_id"],
        "email": "ann@example.com",
        "role": "developer",
        "status": "open",
        "created_at": shared_server.clock.at(0),
        "created_by": client.get("/v1/whoami").json()["credential"]["id"],
        "expires_at": shared_server.clock.at(7 * DAY),
        "accepted_at": None,
        "withdrawn_at": None,
        "user_id": None,
        "token": issued["token"],
        "url": f"{shared_server.url}/invitations/accept#{issued['token']}",
    }
    shown = client.get(f"/v1/invitations/{issued['id']}")
    assert shown.json() == {name: value for name, value in issued.items() if name not in {"token", "url"}}
    assert issued["token"] not in client.get("/v1/invitations").text


def test_a_token_is_stored_nowhere(shared_server: RunningServer, client: Client) -> None:
    issued = client.post(
        "/v1/invitations", json={"email": "kept@example.com", "role": "viewer"}, headers={"Idempotency-Key": "kept"}
    ).json()
    assert issued["token"] not in repr(stored_rows(shared_server))
    again = client.post(
        "/v1/invitations", json={"email": "kept@example.com", "role": "viewer"}, headers={"Idempotency-Key": "kept"}
    ).json()
    assert again == issued | {"token": None, "url": None, "replayed": True}


def test_who_accepts_becomes_a_member_with_the_role_they_were_invited_for(shared_server: RunningServer) -> None:
    client, nobody = shared_server.client(), shared_server.client(None)
    issued = invite(client, "developer")
    # As pasted from a mail: the whole link.
    accepted = nobody.post(ACCEPT, json={"token": f" {issued['url']}\n", "name": "Ann", "password": PASSWORD})
    assert accepted.status_code == 200
    user = accepted.json()["user"]
    assert (user["email"], user["name"], user["role"]) == (issued["email"], "Ann", "developer")
    assert accepted.json()["organization"]["id"] == issued["organization_id"]
    assert client.get(f"/v1/users/{user['id']}").json() == user
    shown = client.get(f"/v1/invitations/{issued['id']}").json()
    assert (shown["status"], shown["user_id"]) == ("accepted", user["id"])
    stored = password_hash(shared_server, issued["email"])
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert is_password(PASSWORD, stored)


def test_a_link_works_once(shared_server: RunningServer, client: Client) -> None:
    issued = invite(client)
    assert client.post(ACCEPT, json={"token": issued["token"]}).status_code == 200
    before = stored_rows(shared_server)
    for body in ({}, {"password": PASSWORD}, {"name": "Else"}):
        assert code(client.post(ACCEPT, json={"token": issued["token"], **body})) == GONE
    assert stored_rows(shared_server) == before


def test_of_many_who_open_one_link_at_once_one_becomes_a_member(server: RunningServer) -> None:
    client = server.client()
    token = invite(client)["token"]
    clients = [server.client(None) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda one: one.post(ACCEPT, json={"token": token}), clients))
    assert [answer.status_code for answer in answers].count(200) == 1
    refused = [answer.json()["code"] for answer in answers if answer.status_code != 200]
    # Who came while the first was on the way hears of the user that has just come to be.
    assert len(refused) == 7
    assert set(refused) <= {"invitation_invalid", "overloaded", "already_member"}
    assert len(client.get("/v1/users").json()["data"]) == 2


def test_a_wrong_a_used_a_withdrawn_a_replaced_and_an_expired_link_are_answered_alike(server: RunningServer) -> None:
    client, nobody = server.client(), server.client(None)
    used, withdrawn, replaced, expired = (invite(client) for _ in range(4))
    client.post(ACCEPT, json={"token": used["token"]})
    assert client.delete(f"/v1/invitations/{withdrawn['id']}").json()["status"] == "withdrawn"
    server.clock.turn(1)
    newer = invite(client, "viewer", replaced["email"])
    assert client.get(f"/v1/invitations/{replaced['id']}").json()["status"] == "withdrawn"
    server.clock.turn(7 * DAY - 1)
    assert client.get(f"/v1/invitations/{expired['id']}").json()["status"] == "expired"
    before = stored_rows(server)
    made_up = expired["token"][:-7] + "0000000"
    tokens = [one["token"] for one in (used, withdrawn, replaced, expired)] + [made_up, "x", server.key, "#", "é"]
    answers = [nobody.post(ACCEPT, json={"token": token, "password": PASSWORD}).json() for token in tokens]
    for answer in answers:
        answer.pop("request_id")
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["code"] == "invitation_invalid"
    assert stored_rows(server) == before
    assert nobody.post(ACCEPT, json={"token": newer["token"]}).status_code == 200, "a moment before its end it works"


def test_who_has_a_password_proves_it_and_keeps_it(server: RunningServer) -> None:
    client = server.client()
    member = join(client, "viewer", password=PASSWORD)
    kept = password_hash(server, member["email"])
    client.delete(f"/v1/users/{member['id']}")
    issued = invite(client, "developer", member["email"])
    for body in ({}, {"password": "another password"}):
        assert code(client.post(ACCEPT, json={"token": issued["token"], **body})) == (403, "wrong_password")
    accepted = client.post(ACCEPT, json={"token": issued["token"], "password": PASSWORD, "name": "Else"})
    assert accepted.json()["user"] == member | {"role": "developer", "role_name": "developer"}
    assert password_hash(server, member["email"]) == kept


def test_an_invitation_sets_no_password_for_somebody_elses_user(shared_server: RunningServer, client: Client) -> None:
    """Else who invites an address, and so has the link, could sign in as its user everywhere."""
    victim = join(client)
    theirs = shared_server.client(move_in(shared_server).secret)
    issued = invite(theirs, "owner", victim["email"])
    refusal = theirs.post(ACCEPT, json={"token": issued["token"], "password": PASSWORD})
    assert code(refusal) == (422, "invalid_field")
    assert theirs.post(ACCEPT, json={"token": issued["token"], "name": "Mallory"}).status_code == 200
    assert password_hash(shared_server, victim["email"]) is None
    assert client.get(f"/v1/users/{victim['id']}").json() == victim


def test_an_invitation_ends_when_passwords_are_guessed_with_it(server: RunningServer) -> None:
    client = server.client()
    member = join(client, "viewer", password=PASSWORD)
    client.delete(f"/v1/users/{member['id']}")
    issued = invite(client, "viewer", member["email"])
    for _ in range(10):
        # Who gives none does not guess.
        assert code(client.post(ACCEPT, json={"token": issued["token"]})) == (403, "wrong_password")
    for number in range(5):
        body = {"token": issued["token"], "password": f"a wrong password {number}"}
        assert code(client.post(ACCEPT, json=body)) == (403, "wrong_password")
    assert code(client.post(ACCEPT, json={"token": issued["token"], "password": PASSWORD})) == GONE
    assert client.get(f"/v1/invitations/{issued['id']}").json()["status"] == "withdrawn"


def test_new_invitations_are_no_new_guesses_at_a_users_password_for_ever(server: RunningServer) -> None:
    client = server.client()
    member = join(client, "viewer", password=PASSWORD)
    client.delete(f"/v1/users/{member['id']}")
    for _ in range(5):
        issued = invite(client, "viewer", member["email"])
        for number in range(4):
            body = {"token": issued["token"], "password": f"a wrong password {number}"}
            assert code(client.post(ACCEPT, json=body)) == (403, "wrong_password")
    body = {"token": invite(client, "viewer", member["email"])["token"], "password": PASSWORD}
    assert code(client.post(ACCEPT, json=body)) == (403, "wrong_password"), "the right one opens nothing either"
    server.clock.turn(DAY)
    assert client.post(ACCEPT, json=body).status_code == 200, "the day after it does"


def test_another_password_may_be_tried_anew(server: RunningServer) -> None:
    client, another = server.client(), "another password"
    member = join(client, "viewer", password=PASSWORD)
    client.delete(f"/v1/users/{member['id']}")
    for _ in range(5):
        token = invite(client, "viewer", member["email"])["token"]
        for _ in range(4):
            client.post(ACCEPT, json={"token": token, "password": another})

    async def reset(installation: Installation) -> None:
        await installation.database.write(
            lambda transaction: users_store.set_password(transaction.connection, member["id"], hash_password(another))
        )

    token = invite(client, "viewer", member["email"])["token"]
    assert code(client.post(ACCEPT, json={"token": token, "password": PASSWORD})) == (403, "wrong_password")
    server.call(reset)
    assert client.post(ACCEPT, json={"token": token, "password": another}).status_code == 200


def test_right_passwords_are_no_guesses(server: RunningServer) -> None:
    client = server.client()
    member = join(client, "viewer", password=PASSWORD)
    for _ in range(25):
        client.delete(f"/v1/users/{member['id']}")
        issued = invite(client, "viewer", member["email"])
        assert client.post(ACCEPT, json={"token": issued["token"], "password": PASSWORD}).status_code == 200


def test_nobody_invites_for_more_than_they_hold_nor_ends_such_an_invitation(
    shared_server: RunningServer, client: Client
) -> None:
    viewer_like = next(iter(BUILT_IN["viewer"].access.values()))
    inviter = holder(shared_server, "users:write", *viewer_like)
    invite(inviter, "viewer")
    beyond, everything = invite(client, "owner"), make_role(client, "*")["id"]
    before = stored_rows(shared_server)
    for role in ("owner", "admin", "developer", everything):
        refusal = inviter.post("/v1/invitations", json={"email": "more@example.com", "role": role})
        assert code(refusal) == (403, "access_not_held")
    replacing = inviter.post("/v1/invitations", json={"email": beyond["email"], "role": "viewer"})
    assert code(replacing) == (403, "access_not_held")
    assert code(inviter.delete(f"/v1/invitations/{beyond['id']}")) == (403, "access_not_held")
    assert stored_rows(shared_server) == before


def test_a_member_is_not_invited_again(shared_server: RunningServer, client: Client) -> None:
    member = join(client)
    body = {"email": member["email"].upper(), "role": "admin"}
    assert code(client.post("/v1/invitations", json=body)) == (409, "already_member")


def test_an_invitation_of_a_disabled_organization_opens_nothing(shared_server: RunningServer, client: Client) -> None:
    made = found_organization(client)
    client.post(f"/v1/organizations/{made['id']}/disable")
    token = made["invitation"]["token"]
    assert code(client.post(ACCEPT, json={"token": token})) == GONE
    client.post(f"/v1/organizations/{made['id']}/enable")
    assert client.post(ACCEPT, json={"token": token}).json()["user"]["role"] == "owner"


def test_there_is_an_end_to_open_invitations(server: RunningServer) -> None:
    client = server.client()
    invited = [invite(client, "viewer", f"n{number}@example.com") for number in range(1000)]
    body = {"email": "one-more@example.com", "role": "viewer"}
    assert code(client.post("/v1/invitations", json=body)) == (409, "too_many")
    assert client.post("/v1/invitations", json={**body, "email": invited[-1]["email"]}).status_code == 201
    server.clock.turn(7 * DAY)
    assert client.post("/v1/invitations", json=body).status_code == 201


def test_what_ended_long_ago_is_cleared_away_by_later_invitations(server: RunningServer) -> None:
    client = server.client()
    old = [invite(client)["id"] for _ in range(3)]
    server.clock.turn(97 * DAY - 1)
    recent = invite(client)["id"]
    assert len(client.get("/v1/invitations").json()["data"]) == 4
    server.clock.turn(2)
    youngest = invite(client)["id"]
    assert [one["id"] for one in client.get("/v1/invitations").json()["data"]] == [youngest, recent]
    assert code(client.get(f"/v1/invitations/{old[0]}")) == (404, "not_found")


def test_to_a_stranger_no_invitation_of_another_organization_exists(
    shared_server: RunningServer, client: Client
) -> None:
    issued = invite(client)
    neighbour = move_in(shared_server)
    theirs = shared_server.client(neighbour.secret)
    before = stored_rows(shared_server)
    for other in (issued["id"], neighbour.user_id, "inv_0", "%00"):
        path = f"/v1/invitations/{other}"
        for answer in (theirs.get(path), theirs.delete(path)):
            assert code(answer) == (404, "not_found")
    assert theirs.get("/v1/invitations").json()["data"] == []
    assert stored_rows(shared_server) == before


@pytest.mark.parametrize("email", ["", "ann", "@", "a@", "a b@example.com", "a@b@c", "a@b\n", "x" * 255 + "@e.com"])
def test_what_is_no_address_is_not_invited(client: Client, email: str) -> None:
    refusal = client.post("/v1/invitations", json={"email": email, "role": "viewer"})
    assert code(refusal) == (422, "invalid_field")
    assert [fault["field"] for fault in refusal.json()["errors"]] == ["email"]


def test_members_of_a_body_that_are_not_the_callers_to_set_are_refused(
    shared_server: RunningServer, client: Client
) -> None:
    token = invite(client)["token"]
    before = stored_rows(shared_server)
    for path, body in (
        ("/v1/invitations", {"email": "m@example.com", "role": "viewer"}),
        (ACCEPT, {"token": token}),
    ):
        for extra in ("organization_id", "id", "user_id", "expires_at", "created_by"):
            refusal = client.post(path, json={**body, extra: "x"})
            assert code(refusal) == (422, "invalid_field")
            assert [fault["field"] for fault in refusal.json()["errors"]] == [extra]
    assert code(client.post(ACCEPT, json={"token": token, "role": "owner"})) == (422, "invalid_field")
    for password in ("short", "x" * 257):
        assert code(client.post(ACCEPT, json={"token": token, "password": password})) == (422, "invalid_field")
    assert stored_rows(shared_server) == before


def test_who_only_reads_invites_nobody(shared_server: RunningServer, client: Client) -> None:
    issued = invite(client)
    reader = holder(shared_server, "users:read")
    assert reader.get(f"/v1/invitations/{issued['id']}").status_code == 200
    body = {"email": "r@example.com", "role": "viewer"}
    assert code(reader.post("/v1/invitations", json=body)) == (403, "insufficient_scope")
    assert code(reader.delete(f"/v1/invitations/{issued['id']}")) == (403, "insufficient_scope")
    assert code(holder(shared_server, "users:write").get("/v1/invitations")) == (403, "insufficient_scope")


def test_an_ended_invitation_that_is_withdrawn_stays_as_it_is(client: Client) -> None:
    issued = invite(client)
    client.post(ACCEPT, json={"token": issued["token"]})
    path = f"/v1/invitations/{issued['id']}"
    assert client.delete(path).json() == client.get(path).json()
    assert client.get(path).json()["status"] == "accepted"
