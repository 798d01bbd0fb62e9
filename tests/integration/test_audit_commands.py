"""``wayvo audit verify``, ``export`` and ``checkpoint``: the trail itself, on the server's own machine."""

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.harness.installations import Place, Places, content, fill, served
from tests.harness.leaks import leaked
from tests.harness.neighbour import move_in
from tests.harness.process import run_wayvo
from wayvo.installation import Installation
from wayvo.jobs.audit_trail import chain_events
from wayvo.store.engines import writing_engine
from wayvo.store.tables import audit_chains, audit_events

ENGINES = pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
ROW = audit_events.c


def audit(place: Place, folder: Path, *arguments: str, **variables: str) -> CompletedProcess[str]:
    return run_wayvo("audit", *arguments, folder=folder, variables={**place.variables, **variables})


def change(place: Place, *statements: Any) -> None:
    engine = writing_engine(place.url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    engine.dispose()


def values(place: Place, statement: Any) -> list[Any]:
    engine = writing_engine(place.url)
    with engine.connect() as connection:
        found = list(connection.execute(statement).scalars())
    engine.dispose()
    return found


def filled(place: Place) -> str:
    """Fill an installation, chain all that happened, and return its organization's id."""
    fill(place)
    # The last turn of a server's own job may come before its last event.
    with served(place) as server:
        server.call(_chain)
    assert values(place, select(ROW.id).where(ROW.sequence.is_(None))) == []
    (owner,) = values(place, select(audit_chains.c.organization_id))
    return str(owner)


async def _chain(installation: Installation) -> None:
    await chain_events(installation.database, installation.sealer)


@ENGINES
def test_a_trail_that_nobody_touched_is_whole_beside_a_running_server(
    places: Places, tmp_path: Path, engine: str
) -> None:
    place = places.on(engine, "data")
    owner = filled(place)
    count = len(values(place, select(ROW.id)))
    before = content(place)
    with served(place):
        run = audit(place, tmp_path, "verify")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"{owner}: {count} events, whole up to {count}.\n"
    assert count > 10
    assert content(place) == before


@ENGINES
def test_the_first_event_that_was_touched_is_named(places: Places, tmp_path: Path, engine: str) -> None:
    place = places.on(engine, "data")
    owner = filled(place)
    (event_id,) = values(place, select(ROW.id).where(ROW.sequence == 4))
    change(place, update(audit_events).where(ROW.sequence == 4).values(actor_id="me"))
    change(place, audit_events.delete().where(ROW.sequence == 7))
    run = audit(place, tmp_path, "verify")
    assert (run.returncode, run.stderr) == (1, "Error: The audit trail is not what it was.\n")
    assert run.stdout.startswith(f"{owner}: event 4 ({event_id}) was edited")
    assert run.stdout.endswith(". 3 events before it are whole.\n")
    assert audit(place, tmp_path, "export").returncode == 1
    change(place, audit_events.delete().where(ROW.sequence == 4))
    run = audit(place, tmp_path, "verify", "--organization", owner)
    assert (run.returncode, "event 4 was removed" in run.stdout) == (1, True)


@ENGINES
def test_what_is_cut_off_together_with_its_end_is_missed_with_a_checkpoint(
    places: Places, tmp_path: Path, engine: str
) -> None:
    place = places.on(engine, "data")
    owner = filled(place)
    early = content(place)[audit_chains.name][0]
    with served(place) as server:
        assert server.client(_operator(place, tmp_path)).post("/v1/projects", json={"name": "P"}).status_code == 201
        server.call(_chain)
    made = audit(place, tmp_path, "checkpoint")
    assert (made.returncode, made.stderr) == (0, "")
    (tmp_path / "checkpoint.json").write_text(made.stdout)
    verify = ("verify", "--checkpoint", "checkpoint.json")
    assert audit(place, tmp_path, *verify).returncode == 0
    # All that stands behind the first state is gone, and the end is what it was then, with its own good seal.
    names = [column.name for column in audit_chains.columns]
    change(
        place,
        audit_events.delete().where(ROW.sequence > early[names.index("sequence")]),
        audit_chains.update().values(dict(zip(names, early, strict=True))),
    )
    assert audit(place, tmp_path, "verify").returncode == 0
    run = audit(place, tmp_path, *verify)
    cut = early[names.index("sequence")] + 1
    assert run.returncode == 1
    assert run.stdout.startswith(f"{owner}: event {cut} was cut off: the checkpoint stands at ")
    change(place, audit_events.delete(), audit_chains.delete())
    run = audit(place, tmp_path, *verify)
    assert (run.returncode, run.stdout.startswith(f"{owner}: event 1 was cut off")) == (1, True)


def _operator(place: Place, folder: Path) -> str:
    run = run_wayvo("operator-key", folder=folder, variables=place.variables, shows_key=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@ENGINES
def test_an_export_has_every_event_in_order_with_a_checkpoint_behind_each_chain(
    places: Places, tmp_path: Path, engine: str
) -> None:
    place = places.on(engine, "data")
    owner = filled(place)
    with served(place) as server:
        server.clock.turn(1)
        theirs = move_in(server)
        server.client(theirs.secret).post("/v1/projects", json={"name": "Théirs\u2028"})
        server.call(_chain)
    run = audit(place, tmp_path, "export")
    assert (run.returncode, run.stderr) == (0, "")
    assert not leaked(run.stdout)
    lines = [json.loads(line) for line in run.stdout[:-1].split("\n")]
    ours, rest = lines[:-2], lines[-2:]
    assert [line["type"] for line in lines] == ["event"] * (len(ours) - 1) + ["checkpoint", "event", "checkpoint"]
    assert [line["sequence"] for line in ours[:-1]] == list(range(1, len(ours)))
    assert [line["organization_id"] for line in rest] == [theirs.organization_id] * 2
    assert rest[0]["after"]["name"] == "Théirs\u2028"
    assert (ours[-1]["organization_id"], ours[-1]["mac"]) == (owner, ours[-2]["mac"])
    (tmp_path / "export.jsonl").write_text(run.stdout, encoding="utf-8")
    assert audit(place, tmp_path, "verify", "--checkpoint", "export.jsonl").returncode == 0
    alone = audit(place, tmp_path, "export", "--organization", theirs.organization_id)
    assert [json.loads(line)["type"] for line in alone.stdout[:-1].split("\n")] == ["event", "checkpoint"]


@pytest.mark.needs("postgresql")
def test_events_that_wait_for_their_link_are_told_and_an_error_only_when_they_wait_too_long(
    places: Places, tmp_path: Path
) -> None:
    place = places.on_postgresql("data")
    owner = filled(place)
    run_wayvo("operator-key", folder=tmp_path, variables=place.variables, shows_key=True)
    run = audit(place, tmp_path, "verify")
    assert (run.returncode, f"{owner}: 1 events wait for their link" in run.stdout) == (0, True)
    assert "1 events wait for their link and are left out" in audit(place, tmp_path, "export").stderr
    change(place, update(audit_events).where(ROW.sequence.is_(None)).values(at=ROW.at - 120_000_000))
    run = audit(place, tmp_path, "verify")
    assert (run.returncode, "A server links them: does one run?" in run.stdout) == (1, True)


def test_a_trail_goes_on_under_a_new_root_secret_and_verifies_with_the_old_one(places: Places, tmp_path: Path) -> None:
    place = places.on_sqlite("data")
    filled(place)
    new = {"WAYVO_SECRET_KEY": "another root secret for the time to come"}
    both = {**new, "WAYVO_RETIRED_SECRET_KEYS": place.variables["WAYVO_SECRET_KEY"]}
    made = run_wayvo("operator-key", folder=tmp_path, variables={**place.variables, **both}, shows_key=True)
    assert made.returncode == 0, made.stderr
    assert audit(place, tmp_path, "verify", **both).returncode == 0
    run = audit(place, tmp_path, "verify", **new)
    assert (run.returncode, "under a root secret that is not at hand" in run.stdout) == (1, True)


def test_with_another_root_secret_nothing_is_verified(places: Places, tmp_path: Path) -> None:
    place = places.on_sqlite("data")
    filled(place)
    for command in ("verify", "export", "checkpoint"):
        run = audit(place, tmp_path, command, WAYVO_SECRET_KEY="x" * 40)
        assert (run.returncode, run.stdout) == (2, "")
        assert "The trail is under the root secret" in run.stderr


NO_CHECKPOINTS: list[tuple[str | None, str, int]] = [
    ("", "holds no checkpoint", 7),
    ('{"type": "event"}\n', "holds no checkpoint", 7),
    ("no JSON\n", "has a line that is no checkpoint and no event", 7),
    ('{"type": "checkpoint"}\n', "has a line that is no checkpoint and no event", 7),
    ("[1]\n", "has a line that is no checkpoint and no event", 7),
    (None, "can't be read", 5),
]


def test_a_file_that_is_no_checkpoint_is_refused(places: Places, tmp_path: Path) -> None:
    place = places.on_sqlite("data")
    filled(place)
    for number, (text, said, code) in enumerate(NO_CHECKPOINTS):
        if text is not None:
            (tmp_path / str(number)).write_text(text)
        run = audit(place, tmp_path, "verify", "--checkpoint", str(number))
        assert (run.returncode, said in run.stderr) == (code, True), run.stderr


def test_a_checkpoint_that_was_changed_is_refused(places: Places, tmp_path: Path) -> None:
    place = places.on_sqlite("data")
    filled(place)
    made = json.loads(audit(place, tmp_path, "checkpoint").stdout)
    (tmp_path / "file").write_text(json.dumps({**made, "sequence": 3}))
    run = audit(place, tmp_path, "verify", "--checkpoint", "file")
    assert (run.returncode, "was not made with this installation's root secret" in run.stderr) == (7, True)


def test_where_there_is_nothing_it_says_so(places: Places, tmp_path: Path) -> None:
    place = places.on_sqlite("data")
    run = audit(place, tmp_path, "verify")
    assert (run.returncode, run.stdout) == (5, "")
    assert list(tmp_path.iterdir()) == []
    filled(place)
    run = audit(place, tmp_path, "verify", "--organization", "org_nobody")
    assert (run.returncode, run.stderr) == (5, "Error: There is no audit trail of 'org_nobody'.\n")
