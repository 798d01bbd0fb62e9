"""The application: ``uvicorn bench.peers.fastapi_sqlalchemy.app:app`` with its database in ``BENCH_DATABASE``."""

import os
import time
from collections.abc import Iterator
from functools import cache
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bench.peers.fastapi_sqlalchemy.models import ApiKey, digest_of, engine_of

sessions = sessionmaker(engine_of(Path(os.environ["BENCH_DATABASE"])), expire_on_commit=False)
bearer = HTTPBearer()
app = FastAPI(openapi_url=None)


def session() -> Iterator[Session]:
    """Give a request its session."""
    with sessions() as opened:
        yield opened


def api_key(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)],
    opened: Annotated[Session, Depends(session)],
) -> ApiKey:
    """Return the key that a request presents, or refuse it."""
    found = opened.scalar(select(ApiKey).where(ApiKey.digest == digest_of(credentials.credentials)))
    if found is None or found.expires_at <= time.time():
        raise HTTPException(401, "invalid key", {"WWW-Authenticate": "Bearer"})
    return found


@app.get("/v1/forward-auth")
def forward_auth(
    audience: str,
    scopes: str,
    mode: Literal["live", "test"],
    key: Annotated[ApiKey, Depends(api_key)],
    x_forwarded_for: Annotated[str, Header()],
) -> Response:
    """Say whether a request may pass, and who asks."""
    held = key.access.get(audience)
    if held is None or key.mode != mode:
        raise HTTPException(401, "not a key for this", {"WWW-Authenticate": "Bearer"})
    if key.network is not None and ip_address(x_forwarded_for) not in _network(key.network):
        raise HTTPException(403, "not from there")
    if not set(scopes.split()).issubset(held):
        raise HTTPException(403, "insufficient scope")
    identity = {
        "wayvo-organization-id": key.organization_id,
        "wayvo-project-id": key.project_id,
        "wayvo-principal": f"service_account:{key.project_id}",
        "wayvo-credential-id": key.id,
        "wayvo-mode": key.mode,
        "wayvo-scopes": " ".join(held),
    }
    return Response(headers=identity)


@cache
def _network(text: str) -> IPv4Network:
    network = ip_network(text)
    assert isinstance(network, IPv4Network)  # noqa: S101 - the run makes no others
    return network
