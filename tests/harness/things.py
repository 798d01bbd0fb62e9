"""One thing of every kind in an organization, made through the doors, for tests that try all of them."""

from tests.harness.server import Client
from wayvo.core.ids import new_id


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
    return {
        "organization_id": whoami["organization"]["id"],
        "user_id": client.get("/v1/users").json()["data"][0]["id"],
        "project_id": project_id,
        "api_key_id": made("/v1/api-keys", name="A key", project_id=project_id, scopes=["projects:read"]),
        "api_id": made("/v1/apis", audience=f"https://{name}.example.com", name="An API"),
    }


def never_made(things: dict[str, str]) -> dict[str, str]:
    """Return ids of the same kinds that nothing has."""
    return {name: new_id(thing.partition("_")[0], 0, bytes(8)) for name, thing in things.items()}  # type: ignore[arg-type] # the prefixes are those of ids
