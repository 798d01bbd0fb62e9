"""Reads the numbers: medians, ratios, and which targets they meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench.verification.contenders import BEHIND, FASTAPI, FASTIFY, FLOOR, FORWARD_AUTH, FRONT_FLOOR, POST_FLOOR, VERIFY


@dataclass(frozen=True, slots=True)
class Round:
    """What one contender did in one round."""

    per_second: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Target:
    """A promise: ``name`` has at least (or at most) so many times the value of ``other``."""

    name: str
    other: str
    least: float | None = None
    most: float | None = None

    def is_met(self, ratio: float) -> bool:
        """Say whether it is kept."""
        return (self.least is None or ratio >= self.least) and (self.most is None or ratio <= self.most)

    def __str__(self) -> str:
        bound = f"≥ {self.least}" if self.least is not None else f"≤ {self.most}"
        return f"{self.name} {bound} × {self.other}"


RATES: Final = (
    Target(FORWARD_AUTH, FLOOR, least=0.5),
    Target(FORWARD_AUTH, FASTIFY, least=1.4),
    Target(FORWARD_AUTH, FASTAPI, least=50),
    Target(VERIFY, POST_FLOOR, least=0.4),
    Target(BEHIND, FRONT_FLOOR, least=0.7),
)
CREATING: Final = f"{FORWARD_AUTH}, with creations"
LATENCIES: Final = (Target(FORWARD_AUTH, FLOOR, most=3), Target(CREATING, FLOOR, most=6))


def ratio(rounds: Mapping[str, Sequence[float]], name: str, other: str) -> float:
    """Return the median of the ratios in each round: what disturbed one round disturbed both of its numbers."""
    return median(mine / theirs for mine, theirs in zip(rounds[name], rounds[other], strict=True))


def rate_table(rounds: Mapping[str, Sequence[Round]], floors: Mapping[str, str]) -> list[str]:
    """Return the table of rates, in Markdown."""
    rates = {name: [each.per_second for each in done] for name, done in rounds.items()}
    costs = {name: [each.cpu_us for each in done] for name, done in rounds.items()}
    rows = [("", "requests/s", "of its floor", "CPU µs per request", "of its floor by CPU")]
    rows += [
        (
            name,
            f"{median(rates[name]):,.0f}",
            f"{ratio(rates, name, floors[name]):.3f}",
            f"{median(costs[name]):.1f}",
            f"{ratio(costs, floors[name], name):.3f}",
        )
        for name in rounds
    ]
    return markdown(rows)


def latency_table(p50: Mapping[str, Sequence[float]], p99: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the table of latencies, in Markdown."""
    rows = [("", "p50 µs", "p99 µs", "p99 of nginx's")]
    rows += [
        (
            name,
            f"{median(p50[name]) * 1e6:,.0f}",
            f"{median(p99[name]) * 1e6:,.0f}",
            f"{ratio(p99, name, FLOOR):.2f}",
        )
        for name in p50
    ]
    return markdown(rows)


def verdicts(targets: Sequence[Target], rounds: Mapping[str, Sequence[float]]) -> list[str]:
    """Return a line for each target: what it is, what was measured, whether it is met."""
    lines = []
    for target in targets:
        if target.name in rounds and target.other in rounds:
            measured = ratio(rounds, target.name, target.other)
            lines.append(f"{'met   ' if target.is_met(measured) else 'MISSED'} {target}: {measured:.2f}")
    return lines


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as a Markdown table, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    rule = [f" {'-' * widths[0]} ", *(f" {'-' * (width - 1)}: " for width in widths[1:])]
    return [lines[0], f"|{'|'.join(rule)}|", *lines[1:]]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers = row
    cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))]
    return f"| {' | '.join(cells)} |"
