"""Tables of a decision and of the portfolio."""

from collections.abc import Callable, Iterable
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator_graph.bill import format_seconds, format_usd
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Decision, Estimate

__all__ = ["decision_view", "portfolio_rows", "portfolio_view"]


def decision_view(decision: Decision) -> Group:
    """The ranking with what it rests on, what was excluded, and what was remembered."""
    label = "proved" if decision.proved else "unproved"
    parts: list[Any] = [_ranking(decision), Text(f"{decision.why} ({label}; nothing was called)", style="bold")]
    if decision.more is not None:
        extra = format_usd(decision.more.extra_nusd)
        parts.append(Text(f"{extra} more a task buys {decision.more.gain * 100:.1f} points: {decision.more.candidate}"))
    if decision.excluded:
        rows = ([item.candidate, item.constraint, item.detail] for item in decision.excluded)
        parts.append(_table("Excluded", ("candidate", "constraint", "detail"), rows))
    if decision.neighbours:
        parts.append(_table("Remembered tasks near this one", ("likeness", "task", "worth"), _remembered(decision)))
    parts.append(Text(f"Memory: {decision.memory_state}. Decision {decision.id}"))
    return Group(*parts)


def portfolio_view(portfolio: Portfolio, what_for: Callable[[ModelSpec], str]) -> Group:
    """The models, what they cost and what one would take them for."""
    columns = ("model", "where", "$ per million in / out", "per 100 tokens", "context", "capabilities", "what for")
    rows = []
    for row in portfolio_rows(portfolio, what_for):
        price = "-" if row["local"] else "unknown"
        if row["input_usd"] is not None:
            price = f"{row['input_usd']:g} / {row['output_usd']:g}\n{row['price_source']} {row['price_date']}".strip()
        if not row["billed"]:
            price = f"{price}\nnot billed" if row["input_usd"] is not None else "not billed"
        where = "this machine" if row["local"] else "cloud"
        context = "unknown" if row["context"] is None else f"{row['context']:,}"
        able = ", ".join(row["capabilities"]) or "unknown"
        rows.append([row["model"], where, price, format_seconds(row["latency_s"]), context, able, row["what_for"]])
    table = _table("Portfolio", columns, rows)
    table.columns[0].no_wrap = True  # it is what the next command is given: no break within it
    return Group(table, *(Text(f"Note: {note}") for note in portfolio.notes))


def portfolio_rows(portfolio: Portfolio, what_for: Callable[[ModelSpec], str]) -> list[dict[str, Any]]:
    """The same as plain values; `latency_s` is the guess or measurement for an answer of 100 tokens."""
    return [_row(spec, what_for(spec)) for spec in portfolio.values()]


def _row(spec: ModelSpec, what_for: str) -> dict[str, Any]:
    price, pace = spec.price, spec.seconds_per_token
    return {
        "model": spec.id,
        "local": spec.is_local,
        "billed": spec.billed,
        "input_usd": price.input_usd if price else None,
        "output_usd": price.output_usd if price else None,
        "price_source": price.source if price else "",
        "price_date": price.date if price else "",
        "latency_s": None if pace is None else (spec.first_token_s or 0.0) + 100 * pace,
        "context": spec.context,
        "capabilities": sorted(spec.capabilities or ()),
        "what_for": what_for,
    }


def _ranking(decision: Decision) -> Table:
    columns = ("", "candidate", "quality", "n", "source", "cost", "time", "energy", "chance")
    rows = []
    for place, estimate in enumerate(decision.ranking, 1):
        chance = decision.propensities.get(estimate.candidate.id, 0.0)
        mark = "*" if estimate.candidate.id in decision.front else ""
        rows.append([f"{place}{mark}", estimate.candidate.id, *_estimate(estimate), f"{chance:.0%}"])
    return _table("Ranking (*: nobody beats it in quality, cost and time at once)", columns, rows)


def _estimate(estimate: Estimate) -> list[str]:
    marks = {name: "" if name in estimate.measured else "~" for name in ("cost", "latency", "energy")}
    cost = f"{marks['cost']}{format_usd(estimate.cost_nusd)}"
    return [
        f"{estimate.quality:.2f} ± {estimate.se:.2f}",
        str(estimate.n),
        estimate.source,
        cost if estimate.billed else f"{cost}, not billed",
        f"{marks['latency']}{format_seconds(estimate.latency_s)}",
        "-" if estimate.energy_j is None else f"{marks['energy']}{estimate.energy_j:.2g} J",
    ]


def _remembered(decision: Decision) -> Iterable[list[str]]:
    for near in decision.neighbours:
        worth = ", ".join(f"{candidate} {score:.2f}" for candidate, score, _ in near.outcomes)
        yield [f"{near.similarity:.2f}", near.text, worth or "no outcome yet"]


def _table(title: str, columns: Iterable[str], rows: Iterable[list[str]]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in columns:
        table.add_column(name, overflow="fold")
    for cells in rows:
        table.add_row(*map(Text, cells))
    return table
