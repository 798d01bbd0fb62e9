"""Metrics for Prometheus, on an address of their own: read when they are asked for, so that counting costs little.

Labels are bounded: codes, tables of the cache, outcomes. Never an id, an address or a name.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

PREFIX: Final = "wayvo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the numbers come from; each is called at every scrape."""

    decisions: Callable[[], Mapping[str, int]]
    cache_entries: Callable[[], Mapping[str, int]]
    cache_lookups: Callable[[], Mapping[str, int]]
    waiting_writes: Callable[[], int]
    commits: Callable[[], tuple[int, float]]
    committed_jobs: Callable[[], int]
    bus_silence_seconds: Callable[[], float]


class WayvoCollector(Collector):
    """Turns the sources into metric families."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        sources = self._sources
        decisions = CounterMetricFamily(f"{PREFIX}_decisions", "Decisions about credentials.", labels=["code"])
        for code, count in sources.decisions().items():
            decisions.add_metric([code], count)
        yield decisions
        entries = GaugeMetricFamily(f"{PREFIX}_cache_entries", "Credentials in memory.", labels=["kind"])
        for kind, count in sources.cache_entries().items():
            entries.add_metric([kind], count)
        yield entries
        lookups = CounterMetricFamily(f"{PREFIX}_cache_lookups", "Look-ups in the cache.", labels=["outcome"])
        for outcome, count in sources.cache_lookups().items():
            lookups.add_metric([outcome], count)
        yield lookups
        yield GaugeMetricFamily(
            f"{PREFIX}_waiting_writes", "Jobs that wait for their commit.", value=sources.waiting_writes()
        )
        commits, seconds = sources.commits()
        yield SummaryMetricFamily(
            f"{PREFIX}_commit_seconds", "Time of a batch from its start to its commit.", commits, seconds
        )
        yield CounterMetricFamily(
            f"{PREFIX}_committed_jobs", "Jobs that came through the writer.", value=sources.committed_jobs()
        )
        yield GaugeMetricFamily(
            f"{PREFIX}_bus_silence_seconds",
            "How long ago everything that other processes changed was known here.",
            value=sources.bus_silence_seconds(),
        )


def serve_metrics(sources: Sources, host: str, port: int) -> WSGIServer:
    """Serve ``/metrics`` on a thread of its own until the server that is returned is shut down."""
    registry = CollectorRegistry()
    registry.register(WayvoCollector(sources))
    server, _ = start_http_server(port, host, registry)
    return server
