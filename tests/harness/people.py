"""People: whoever is to be a member is invited and accepts, as a person would."""

from itertools import count
from typing import Any, Final

from tests.harness.server import Client

PASSWORD: Final = "correct horse battery staple"

_numbers = count(1)


def invite(client: Client, role: str = "viewer", email: str | None = None) -> dict[str, Any]:
    """Return a new invitation, with its token."""
    address = email or f"person{next(_numbers)}@example.com"
    response = client.post("/v1/invitations", json={"email": address, "role": role})
    assert response.status_code == 201, response.text
    issued: dict[str, Any] = response.json()
    return issued


def join(client: Client, role: str = "viewer", email: str | None = None, **fields: Any) -> dict[str, Any]:
    """Invite somebody and accept; return them as a member."""
    body = {"token": invite(client, role, email)["token"], **fields}
    response = client.post("/v1/invitations/accept", json=body)
    assert response.status_code == 200, response.text
    member: dict[str, Any] = response.json()["user"]
    return member


def make_role(client: Client, *permissions: str, **fields: Any) -> dict[str, Any]:
    """Make a custom role."""
    body = {"name": f"Role {next(_numbers)}", "permissions": permissions, **fields}
    response = client.post("/v1/roles", json=body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def found_organization(client: Client, name: str = "Umbrella") -> dict[str, Any]:
    """Make an organization as the operator; return it with its owner's invitation."""
    body = {"name": name, "owner_email": f"owner{next(_numbers)}@example.com"}
    response = client.post("/v1/organizations", json=body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made
