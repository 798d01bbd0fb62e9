"""One thing of every kind in an organization, made through the doors, for tests that try all of them."""

from tests.harness.people import join
from tests.harness.server import Client


def things_of(client: Client, name: str) -> dict[str, str]:
    """Make a thing of every kind with a key that holds everything; return their ids, by the document's parameters.

    ``name`` keeps apart what must be unique in the installation.
    """

    def made(path: str, **body: object) -> str:
        response = client.post(path, json=body)
        assert response.status_code == 201, response.text
        created: str = response.json()["id"]
        return created

    whoami = client.get("/v1/whoami").json()
    project_id = made("/v1/projects", name="A project")
    role_id = made("/v1/roles", name=name, permissions=["projects:read"])
    user_id = join(client)["id"]
    client.put(f"/v1/projects/{project_id}/members/{user_id}", json={"role": role_id}).raise_for_status()
    return {
        "organization_id": whoami["organization"]["id"],
        "user_id": user_id,
        "role_id": role_id,
        "invitation_id": made("/v1/invitations", email=f"{name}@example.com", role="viewer"),
        "project_id": project_id,
        "api_key_id": made("/v1/api-keys", name="A key", project_id=project_id, scopes=["projects:read"]),
        "api_id": made("/v1/apis", audience=f"https://{name}.example.com", name="An API"),
        "audit_event_id": client.get("/v1/audit-events").json()["data"][0]["id"],
        # Whoever did something, and what it was done to, as the audit trail's filters name them.
        "actor_id": whoami["principal"]["id"],
        "target_id": project_id,
        # What bodies call the id of a role.
        "role": role_id,
    }
