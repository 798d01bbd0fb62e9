"""``make bench``, or ``python -m bench.verification [--rounds 5] [--seconds 5] [--only NAME…]``.

The servers run on one core, the load on another. Rounds are interleaved (each contender has a turn in each round) and
ratios are taken within a round, since a machine is not equally fast at all times; the median of the rounds is shown.
Medians of ratios travel from machine to machine; requests per second don't.
"""

import argparse
import asyncio
import os
import platform
import sys
import sysconfig
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

from bench import load, say, served
from bench.make_keys import BRAND, make
from bench.verification import mix, open_loop, rate, report, tools
from bench.verification.answers import Checker, WrongAnswer
from bench.verification.contenders import CONTENDERS, FLOOR, FORWARD_AUTH, Contender, Ground
from bench.verification.open_loop import Stream
from bench.verification.report import Round
from bench.verification.servers import Running
from wayvo.core.credentials import format as credential_format
from wayvo.core.credentials.format import Mode

SETTLE_SECONDS: Final = 1.5
"""Between two turns. What a node notes during its own is stored up to ten seconds later, maybe in another's turn: one
more reason for several rounds."""
CREATIONS_PER_SECOND: Final = 200


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.verification", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="how long each turn takes")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--keys", type=int, default=100_000, help="keys in the database")
    parser.add_argument("--warm", type=int, default=10_000, help="different keys in the requests")
    parser.add_argument("--only", nargs="*", metavar="WORD", help="contenders with one of these words in their name")
    parser.add_argument("--no-latency", action="store_true")
    options = parser.parse_args()
    tools.require()
    _say_configuration(options, has_own_core=served.pin_client())
    contenders = [one for one in CONTENDERS if not options.only or any(word in one.name for word in options.only)]
    with tempfile.TemporaryDirectory(prefix="wayvo-bench-") as name, ExitStack() as stack:
        _Run(Path(name), options, contenders, stack).run()


def _say_configuration(options: argparse.Namespace, *, has_own_core: bool) -> None:
    cores = f"servers on core {served.SERVER_CORE}, load on {sorted(os.sched_getaffinity(0))}"
    say(f"{platform.platform()}, {os.cpu_count()} cores; Python {platform.python_version()}, {_build()}")
    say(", ".join(f"{name} {version}" for name, version in tools.versions().items()))
    say(cores if has_own_core else "one core for everything: these numbers say little")
    say(
        f"{options.keys:,} keys, {options.warm:,} of them asked about; {options.connections} connections; "
        f"{options.rounds} rounds of {options.seconds} s each, interleaved; load average {os.getloadavg()[0]:.1f}"
    )


def _build() -> str:
    """Return how this Python says it was configured, which is worth up to a fifth of what it can do."""
    is_shared = bool(sysconfig.get_config_var("Py_ENABLE_SHARED"))
    is_tuned = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"configured {'with' if is_tuned else 'without'} --enable-optimizations{', as a shared library' * is_shared}"


class _Run:
    """One run: everything is started once and stays until the end."""

    def __init__(
        self, folder: Path, options: argparse.Namespace, contenders: list[Contender], stack: ExitStack
    ) -> None:
        self._options = options
        self._contenders = contenders
        made = make(folder / "wayvo", options.keys, working=options.warm, network=mix.CLIENTS_NETWORK)
        self._key: str = made["api_key"]
        self._keys: Mapping[str, str] = made["secrets_that_work"]
        self._requests = {"forward_auth": mix.forward_auth(self._keys), "verify": mix.verify(self._keys, self._key)}
        self._mixes = {name: folder / f"{name}.mix" for name in self._requests}
        for name, requests in self._requests.items():
            mix.write(self._mixes[name], requests)
        ground = Ground(folder, {**self._keys, **_others(options.keys - len(self._keys))}, folder / "wayvo")
        self._running: dict[str, Running] = {}
        for contender in contenders:
            shared = self._running.get(contender.shares or "")
            self._running[contender.name] = shared or stack.enter_context(contender.start(ground))

    def run(self) -> None:
        """Measure everything and print it."""
        for contender in self._contenders:
            self._warm_up(contender)
        rounds: dict[str, list[Round]] = defaultdict(list)
        for _ in range(self._options.rounds):
            for contender in self._contenders:
                rounds[contender.name].append(self._turn(contender, seconds=self._options.seconds))
        say("")
        for line in report.rate_table(rounds, self._floors()):
            say(line)
        rates = {name: [each.per_second for each in done] for name, done in rounds.items()}
        say("")
        for line in report.verdicts(report.RATES, rates):
            say(line)
        if not self._options.no_latency and FORWARD_AUTH in rates and FLOOR in rates:
            self._measure_latency(median(rates[FORWARD_AUTH]) / 2)

    def _warm_up(self, contender: Contender) -> None:
        """Ask about every key once and then some: caches, pools and compilers are warm before the first round."""
        remaining = iter(self._requests[contender.mix])
        clients = self._options.connections
        tally = asyncio.run(load.run(self._running[contender.name].port, clients, lambda: next(remaining, None)))
        if set(tally.statuses) != {200}:
            raise WrongAnswer(f"{contender.name}: {dict(tally.statuses)}")
        self._turn(contender, seconds=1)

    def _floors(self) -> dict[str, str]:
        return {one.name: one.floor if one.floor in self._running else one.name for one in self._contenders}

    def _turn(self, contender: Contender, seconds: int) -> Round:
        running = self._running[contender.name]
        time.sleep(SETTLE_SECONDS)
        cpu = running.cpu_seconds()
        with Checker(running.port, contender.says, self._requests[contender.mix], self._keys) as checker:
            counted = rate.measure(
                running.port, self._mixes[contender.mix], connections=self._options.connections, seconds=seconds
            )
        cpu = running.cpu_seconds() - cpu
        if counted.refused or counted.broken or not checker.checked:
            raise WrongAnswer(f"{contender.name}: {counted}, {checker.checked} checked")
        sys.stderr.write(f"{contender.name}: {counted.per_second:,.0f}/s\n")
        return Round(counted.per_second, cpu / counted.requests * 1e6)

    def _measure_latency(self, per_second: float) -> None:
        p50: dict[str, list[float]] = defaultdict(list)
        p99: dict[str, list[float]] = defaultdict(list)
        for _ in range(self._options.rounds):
            for name, port, creations in (
                (FLOOR, self._running[FLOOR].port, 0),
                (FORWARD_AUTH, self._running[FORWARD_AUTH].port, 0),
                (report.CREATING, self._running[FORWARD_AUTH].port, CREATIONS_PER_SECOND),
            ):
                asked = self._open_loop(port, per_second, creations)
                p50[name].append(asked.percentile(0.50))
                p99[name].append(asked.percentile(0.99))
        say(f"\nOpen loop at {per_second:,.0f} requests/s, half of what the lane can do:\n")
        for line in report.latency_table(p50, p99):
            say(line)
        say("")
        for line in report.verdicts(report.LATENCIES, p99):
            say(line)

    def _open_loop(self, port: int, per_second: float, creations: int) -> Stream:
        time.sleep(SETTLE_SECONDS)
        asked = Stream(self._requests["forward_auth"], per_second, self._options.connections)
        streams = [asked]
        if creations:
            streams.append(Stream(mix.creations(self._key, 10_000), creations, 16))
        open_loop.run(port, streams, seconds=self._options.seconds)
        for stream, status in zip(streams, (200, 201), strict=False):
            if set(stream.statuses) != {status}:
                raise WrongAnswer(f"open loop: {dict(stream.statuses)}")
        return asked


def _others(count: int) -> dict[str, str]:
    """Return keys that are known and never asked about, so that everybody has to look among as many."""
    return {
        credential_format.mint(BRAND, Mode.LIVE, os.urandom(credential_format.ENTROPY_BYTES)): f"key_other_{number}"
        for number in range(count)
    }


if __name__ == "__main__":
    main()
