"""What a key costs in memory: the promise is 700 bytes."""

import gc
import random
import tracemalloc

import pytest
from msgspec.structs import replace

from tests.unit.credential_records import INVOICES, api, record
from wayvo.core.access.permissions import OWN_AUDIENCE
from wayvo.core.credentials.record import CredentialRecord, CredentialRecords
from wayvo.core.ids import new_id
from wayvo.verify.cache import Cache
from wayvo.verify.cells import Cells
from wayvo.verify.snapshot import Compiler

KEYS = 20_000
PROMISED_BYTES = 700


def drawn(draw: random.Random, number: int, projects: int) -> CredentialRecord:
    """Return a row as the database gives it: every string and dict an object of its own."""
    now = 1_700_000_000_000_000 + number
    project = f"prj_{draw.randrange(projects):026d}"
    scopes = tuple(draw.sample(("invoices:read", "invoices:write", "invoices:*"), draw.randint(1, 2)))
    access = {INVOICES: scopes} if draw.random() < 0.7 else {INVOICES: scopes, OWN_AUDIENCE: ("users:read",)}
    networks = (f"203.0.{draw.randrange(200)}.0/24",) if draw.random() < 0.2 else ()
    stored = record(
        draw.randbytes(46),
        access=access,
        project_id=project,
        organization_id=f"org_{int(project[4:]) // 3:026d}",
        networks=networks,
        expires_at=now if draw.random() < 0.5 else None,
    )
    return replace(stored, id=new_id("key", now, draw.randbytes(8)))


def fill(cache: Cache, compiler: Compiler, projects: int) -> None:
    """Cache :data:`KEYS` keys, read in batches as the filler does."""
    draw = random.Random(7)
    apis = {INVOICES: api(), OWN_AUDIENCE: api(OWN_AUDIENCE)}
    for start in range(0, KEYS, 500):
        stored = tuple(drawn(draw, number, projects) for number in range(start, start + 500))
        cache.begin_reading()
        cache.end_reading({**compiler.compile(CredentialRecords(stored, apis))})


def bytes_per_key(projects: int) -> float:
    """Return what the process holds more with the keys cached than without, per key, shared objects and all."""
    tracemalloc.start()
    try:
        cells = Cells()
        cache, compiler = Cache(cells, KEYS), Compiler(cells)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        fill(cache, compiler, projects)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        assert len(cache) == KEYS
        return (after - before) / KEYS
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("keys_per_project", [10, 2])
def test_a_cached_key_costs_at_most_700_bytes(keys_per_project: int) -> None:
    assert bytes_per_key(KEYS // keys_per_project) <= PROMISED_BYTES
