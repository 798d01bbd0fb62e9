"""The benchmark's own parts are right: what it sends, how it counts, what it takes for a right answer."""

import importlib
import json
import re
import select
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.verification import mix, rate, report, servers
from bench.verification.answers import Answer, Says, WrongAnswer, check, taken_apart
from bench.verification.contenders import CONTENDERS
from bench.verification.open_loop import Stream, is_whole, percentile
from bench.verification.report import Round, Target
from tests.architecture.project import ROOT

BENCH = ROOT / "bench"
KEYS = {f"wv_live_{number:038}": f"key_{number:026}" for number in range(300)}
# Imports what only `make bench` installs.
WITH_A_PEER = {"bench.peers.fastapi_sqlalchemy.app"}


SCRIPTS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in BENCH.rglob("*.py")
}


@pytest.mark.parametrize("name", sorted(SCRIPTS - WITH_A_PEER))
def test_every_script_can_be_imported_without_starting_anything(name: str) -> None:
    assert importlib.import_module(name).__doc__


@pytest.mark.parametrize("requests", [mix.forward_auth(KEYS), mix.verify(KEYS, "wv_live_asker")], ids=["get", "post"])
def test_each_request_of_a_mix_is_whole_and_asks_about_another_key(requests: list[bytes]) -> None:
    assert len(requests) == len(KEYS)
    for raw, secret in zip(requests, KEYS, strict=True):
        assert secret.encode() in raw
        head, _, body = raw.partition(b"\r\n\r\n")
        announced = re.search(rb"Content-Length: (\d+)", head)
        assert len(body) == (0 if announced is None else int(announced[1]))


def test_every_request_comes_from_the_network_that_keys_are_bound_to() -> None:
    prefix = mix.CLIENTS_NETWORK.removesuffix("0/24")
    addresses = [taken_apart(raw).headers["X-Forwarded-For"] for raw in mix.forward_auth(KEYS)]
    addresses += [json.loads(taken_apart(raw).body)["ip"] for raw in mix.verify(KEYS, "asker")]
    assert all(address.startswith(prefix) and int(address.removeprefix(prefix)) < 255 for address in addresses)


def test_the_file_for_wrk_holds_each_request_with_its_length(tmp_path: Path) -> None:
    requests = mix.verify(KEYS, "asker")
    mix.write(tmp_path / "mix", requests)
    rest, found = (tmp_path / "mix").read_bytes(), []
    while rest:
        length, _, rest = rest.partition(b"\n")
        found.append(rest[: int(length)])
        rest = rest[int(length) :]
    assert found == requests


def test_the_count_of_wrk_is_read_from_the_last_line_of_its_script() -> None:
    counted = rate.read("Running 3s test\nresult 150000 3000000 2 1\n")
    assert (counted.requests, counted.refused, counted.broken) == (150_000, 2, 1)
    assert counted.per_second == 50_000


def test_a_request_that_waits_for_a_connection_is_late_since_it_was_due() -> None:
    stream = Stream([b"GET / HTTP/1.1\r\n\r\n"], per_second=10, connections=0)
    stream.begin(start=100.0, warm_up=0.0)
    stream.send_due(100.25)
    stream.give_up(101.0)
    assert stream.seconds == pytest.approx([1.0, 0.9, 0.8])


def test_what_is_due_during_the_warm_up_is_not_counted() -> None:
    stream = Stream([b""], per_second=10, connections=0)
    stream.begin(start=100.0, warm_up=0.15)
    stream.send_due(100.25)
    stream.give_up(101.0)
    assert stream.seconds == pytest.approx([0.8])


@pytest.mark.parametrize(
    ("received", "is_the_end"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\nDate: x\r\n\r\nContent-Length: 0\r\n", False),
    ],
)
def test_an_answer_is_whole_when_its_announced_body_is_there(received: bytes, is_the_end: bool) -> None:
    assert is_whole(received) is is_the_end


def test_a_percentile_is_the_value_below_which_that_share_lies() -> None:
    values = [float(value) for value in range(1000)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (500, 990, 999)


def test_a_ratio_is_the_median_of_the_ratios_within_the_rounds() -> None:
    rounds = {"mine": [50.0, 10.0, 60.0], "theirs": [100.0, 20.0, 100.0]}
    assert report.ratio(rounds, "mine", "theirs") == 0.5


@pytest.mark.parametrize(
    ("target", "word"),
    [
        (Target("a", "b", least=0.5), "met"),
        (Target("a", "b", least=0.51), "MISSED"),
        (Target("a", "b", most=0.5), "met"),
        (Target("a", "b", most=0.49), "MISSED"),
    ],
)
def test_a_target_is_met_at_its_bound_and_missed_beyond_it(target: Target, word: str) -> None:
    (line,) = report.verdicts([target], {"a": [1.0], "b": [2.0]})
    assert line.split()[0] == word


def test_a_target_whose_contender_did_not_take_part_is_left_out() -> None:
    assert report.verdicts([Target("a", "b", least=0.5)], {"a": [1.0]}) == []


def test_the_table_of_rates_names_everybody_with_the_share_of_their_floor() -> None:
    lines = report.rate_table({"a": [Round(100, 10)], "bb": [Round(50, 20)]}, {"a": "a", "bb": "a"})
    assert [cell.strip() for cell in lines[-1].strip("|").split("|")] == ["bb", "50", "0.500", "20.0", "0.500"]
    assert len({len(line) for line in lines}) == 1, "the columns stand under one another"


@pytest.mark.parametrize(
    ("says", "key_id", "answer"),
    [
        (Says.NOTHING, "key_1", Answer(503, None, b"")),
        (Says.HEADER, "key_1", Answer(200, "key_2", b"")),
        (Says.HEADER, "key_1", Answer(200, None, b"")),
        (Says.HEADER, None, Answer(200, "key_2", b"")),
        (Says.HEADER, "key_1", Answer(401, None, b"")),
        (Says.VERDICT, "key_1", Answer(200, None, b'{"valid":false,"code":"expired","credential_id":"key_1"}')),
        (Says.VERDICT, "key_1", Answer(200, None, b'{"valid":true,"code":"valid","credential_id":"key_2"}')),
        (Says.VERDICT, None, Answer(200, None, b'{"valid":true,"code":"valid","credential_id":null}')),
        (Says.VERDICT, "key_1", Answer(401, None, b"{}")),
    ],
)
def test_a_wrong_answer_is_noticed(says: Says, key_id: str | None, answer: Answer) -> None:
    with pytest.raises(WrongAnswer):
        check(says, key_id, answer)


def test_right_answers_pass() -> None:
    check(Says.NOTHING, "key_1", Answer(200, None, b""))
    check(Says.HEADER, "key_1", Answer(200, "key_1", b""))
    check(Says.HEADER, None, Answer(401, None, b""))
    check(Says.VERDICT, "key_1", Answer(200, None, b'{"valid":true,"code":"valid","credential_id":"key_1"}'))
    check(Says.VERDICT, None, Answer(200, None, b'{"valid":false,"code":"unknown","credential_id":null}'))


def test_every_contender_has_a_name_of_its_own_and_a_floor_that_takes_part() -> None:
    names = [contender.name for contender in CONTENDERS]
    assert len(set(names)) == len(names)
    assert {contender.floor for contender in CONTENDERS} <= set(names)
    for index, contender in enumerate(CONTENDERS):
        assert contender.shares is None or contender.shares in names[:index], "it is started by then"
    targets = (*report.RATES, *report.LATENCIES)
    assert {name for target in targets for name in (target.name, target.other)} - {report.CREATING} <= set(names)


@pytest.mark.parametrize("name", [path.name for path in sorted((BENCH / "peers" / "nginx").glob("*.conf"))])
def test_every_blank_in_a_configuration_of_nginx_is_filled(name: str) -> None:
    values: dict[str, int | str] = {"FOLDER": "/somewhere", "PORT": 1, "WAYVO_PORT": 2, "API_PORT": 3}
    template = (BENCH / "peers" / "nginx" / name).read_text(encoding="utf-8").replace("@NAME@", "")
    assert "@" not in servers.fill(template, values)


def test_the_lock_file_for_node_names_releases_and_digests_and_no_address_to_fetch_them_from() -> None:
    folder = BENCH / "peers" / "fastify"
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert packages[""]["dependencies"] == wanted
    locked = [package for name, package in packages.items() if name]
    assert len(locked) > 20
    assert all("integrity" in package and "resolved" not in package for package in locked)


def test_a_stream_sends_on_idle_connections_and_takes_them_back() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        poll = stack.enter_context(select.epoll())
        stream = Stream([b"one", b"two"], per_second=10, connections=1)
        (connection,) = stream.open(stack, listener.getsockname()[1], poll).values()
        other_end = stack.enter_context(listener.accept()[0])
        stream.begin(start=100.0, warm_up=0.0)
        stream.send_due(100.15)
        assert other_end.recv(100) == b"one", "the other request waits for the connection"
        other_end.sendall(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")
        poll.poll(5)
        connection.receive()
        assert stream.statuses == {204: 1}
        stream.send_due(100.15)
        assert other_end.recv(100) == b"two"
        assert connection.due == pytest.approx(100.1)
