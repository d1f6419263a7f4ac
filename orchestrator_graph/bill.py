"""The bill and the reasons as tables: `format_bill(out)` for text, `bill_renderable(out)` for a rich console.

Reads a run's output and nothing else. Every amount says whether it was measured or estimated, and whether anybody
sends a bill for it.
"""

import io
import math
import shutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator_graph.types import NANO

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

__all__ = ["bill_renderable", "format_bill", "format_seconds", "format_usd"]

WIDTH = 110
NUMBERS = frozenset({"calls", "cost", "out", "time", "tokens in", "tries"})
MAX_WIDTHS = {"subtask": 26, "why": 40}


def format_bill(out: Mapping[str, Any], width: int | None = None) -> str:
    """Reasons and bill of a run's output as plain text.

    Args:
        out: What `graph.invoke` returned.
        width: Columns; by default the terminal's, or 110 where there is none.
    """
    from rich.console import Console

    columns = width or shutil.get_terminal_size((WIDTH, 0)).columns
    page = io.StringIO()
    console = Console(file=page, width=columns, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(bill_renderable(out))
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def bill_renderable(out: Mapping[str, Any]) -> "Group":
    """Reasons and bill of a run's output, to be printed by a rich console."""
    from rich.console import Group
    from rich.text import Text

    bill = out["bill"]
    notes = [Text(f"Note: {note}", style="yellow") for note in bill.get("notes", ())]
    return Group(_reasons(out), _lines(bill), *notes, Text(_total(bill)), Text(_saving(bill), style="bold"))


def format_usd(nusd: int | None) -> str:
    """Nano-dollars with three significant digits, at least to the hundredth of a cent.

    >>> format_usd(1_234_567_890), format_usd(1_716), format_usd(0), format_usd(None)
    ('$1.2346', '$0.00000172', '$0', 'unknown')
    """
    if nusd is None:
        return "unknown"
    if nusd == 0:
        return "$0"
    dollars = nusd / NANO
    digits = min(9, max(4, 2 - math.floor(math.log10(abs(dollars)))))
    return f"${dollars:.{digits}f}"


def format_seconds(seconds: float | None) -> str:
    """Milliseconds below a second, else seconds.

    >>> format_seconds(0.0123), format_seconds(2.345), format_seconds(None)
    ('12 ms', '2.3 s', '-')
    """
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _table(title: str, *columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in columns:
        number = name in NUMBERS
        table.add_column(
            name,
            justify="right" if number else "left",
            no_wrap=number and name != "cost",
            max_width=MAX_WIDTHS.get(name),
            overflow="fold",
        )
    return table


def _reasons(out: Mapping[str, Any]) -> "Table":
    from rich.text import Text

    table = _table("Who did what, and why", "", "subtask", "candidate", "why", "confidence", "tries", "cost", "time")
    marks = {line["model"]: line for line in out["bill"]["lines"]}
    uncalibrated = False
    for result in _in_order(out):
        uncalibrated |= result["confidence"] is not None and not result["calibrated"]
        cells = [
            result["id"],
            result["brief"],
            result["candidate"] or "none",
            result["missing"] or result["why"],
            _confidence(result),
            str(result["tries"]),
            _cost(result["cost_nusd"], [marks[model] for model in result["models"] if model in marks]),
            format_seconds(result["latency_s"]),
        ]
        table.add_row(*map(Text, cells), style="red" if result["status"] == "failed" else None)
    if uncalibrated:
        table.caption = "* uncalibrated: the model's own probability, not yet compared with outcomes"
        table.caption_justify = "left"
    return table


def _in_order(out: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    results = out["results"]
    planned = [step["id"] for step in out.get("plan", ()) if step["id"] in results]
    yield from (results[key] for key in [*planned, *(key for key in results if key not in planned)])


def _confidence(result: Mapping[str, Any]) -> str:
    status = "" if result["status"] == "accepted" else f" {result['status']}"
    if result["confidence"] is None:
        return status.strip() or "-"
    return f"{result['confidence']:.2f}{'' if result['calibrated'] else '*'}{status}"


def _cost(nusd: int, lines: list[Mapping[str, Any]]) -> str:
    about = "" if all(line["measured"] for line in lines) else "~"
    free = "\nnot billed" if lines and not any(line["billed"] for line in lines) else ""
    return f"{about}{format_usd(nusd)}{free}"


def _lines(bill: Mapping[str, Any]) -> "Table":
    from rich.text import Text

    table = _table("Bill", "purpose", "model", "calls", "tokens in", "out", "cost", "how known", "time")
    for line in bill["lines"]:
        failed = f" ({line['failed']} failed)" if line["failed"] else ""
        known = "measured" if line["measured"] else "estimated"
        cells = [
            line["purpose"],
            line["model"],
            f"{line['calls']}{failed}",
            str(line["input_tokens"]),
            str(line["output_tokens"]),
            format_usd(line["cost_nusd"]),
            known if line["billed"] else f"{known}, not billed",
            format_seconds(line["latency_s"]),
        ]
        table.add_row(*map(Text, cells))
    return table


def _total(bill: Mapping[str, Any]) -> str:
    calls = "1 call" if bill["calls"] == 1 else f"{bill['calls']} calls"
    failed = f", {bill['failed_calls']} of them failed" if bill["failed_calls"] else ""
    energy = f", about {bill['energy_j']:.1f} J" if bill["energy_j"] is not None else ""
    billed = format_usd(round(bill["billed_usd"] * NANO))
    return (
        f"Total {format_usd(bill['total_nusd'])}, billed {billed}; "
        f"{calls}{failed}, {format_seconds(bill['wall_s'])}{energy}. Run {bill['run_id']}"
    )


def _saving(bill: Mapping[str, Any]) -> str:
    reference, name = bill["reference"], str(bill.get("certificate", ""))[:8]
    label = (f"proved (certificate {name})" if name else "proved") if bill["proved"] else "unproved"
    if reference is None:
        return f"Saving: no reference model to compare with ({label})."
    against = f"against always using {reference['model']}"
    if reference["cost_nusd"] == 0:
        return f"Saving {against}: it costs nothing here; give it a price in orchestrator.toml to compare ({label})."
    if reference["saving"] is None:
        return f"Saving {against}: not known, its price is not known ({label})."
    against = f"{against} ({format_usd(reference['cost_nusd'])})"
    if reference["saving"] < 0:
        return f"No saving {against}: this was {-reference['saving']:.0%} dearer, {label}."
    return f"Saving {against}: {reference['saving']:.0%}, {label}."
