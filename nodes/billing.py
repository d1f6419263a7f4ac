"""Adds up what a run took: every call, failed, escalated, judge and embedding ones included."""

import time
from collections.abc import Mapping
from typing import Any

from orchestrator_graph.registry.portfolio import Portfolio

__all__ = ["make_bill"]

Call = dict[str, Any]


def make_bill(
    task: Mapping[str, Any],
    calls: Mapping[str, Call],
    results: Mapping[str, Any],
    models: Portfolio,
    references: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The bill of one run.

    `reference` is what the kept answers' tokens would have cost at the certificate's reference, else at the best single
    model: an estimate, since other models write answers of other lengths. `proved` only where every decision is, and
    every answer that was kept is by its first choice or by the reference. Money in nano-dollars and dollars, time in
    seconds, energy in joules.

    Args:
        task: The run.
        calls: By id.
        results: By subtask.
        models: The portfolio.
        references: Certificate id -> its reference.
    """
    certificate = _certificate(calls, results, references or {})
    total = sum(call["cost_nusd"] for call in calls.values())
    energies = [call["energy_j"] for call in calls.values() if call["energy_j"] is not None]
    return {
        "run_id": task["run_id"],
        "total_nusd": total,
        "total_usd": total / 1e9,
        "billed_usd": sum(call["cost_nusd"] for call in calls.values() if call["billed"]) / 1e9,
        "calls": len(calls),
        "failed_calls": sum(call["failure"] is not None for call in calls.values()),
        "wall_s": round(time.time() - task["started_at"], 6),
        "energy_j": sum(energies) if energies else None,
        "reference": _reference(calls, results, models, total, (references or {}).get(certificate, "")),
        "proved": bool(certificate),
        "certificate": certificate,
        "notes": list(dict.fromkeys([*task["notes"], *(note for call in calls.values() for note in call["notes"])])),
        "lines": _lines(calls),
    }


def _certificate(calls: Mapping[str, Call], results: Mapping[str, Any], references: Mapping[str, str]) -> str:
    """The certificate that every answer follows; `""` where one does not, or where a model wrote them together.

    Nor where one builds on another's: each may lose as much as was promised, and the losses add up.
    """
    together = any(call["purpose"] == "synthesize" for call in calls.values())
    if not results or together or any(result["needs"] for result in results.values()):
        return ""
    names = {_followed(result, references) for result in results.values()}
    return names.pop() if len(names) == 1 else ""


def _followed(result: Mapping[str, Any], references: Mapping[str, str]) -> str:
    decision = result["decision"]
    if not decision or not decision.get("proved") or result["status"] == "failed":
        return ""
    name = str(decision["certificate"])
    allowed = (decision["ranking"][0]["candidate_id"], references.get(name))
    return name if result["candidate"] in allowed else ""


def _lines(calls: Mapping[str, Call]) -> list[dict[str, Any]]:
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for call in calls.values():
        key = (call["purpose"], call["model"])
        line = lines.setdefault(
            key,
            {
                "purpose": key[0],
                "model": key[1],
                "calls": 0,
                "failed": 0,
                "input_tokens": 0,
                "output_tokens": 0,
                "cost_nusd": 0,
                "billed": call["billed"],
                "measured": True,
                "latency_s": 0.0,
            },
        )
        line["calls"] += 1
        line["failed"] += call["failure"] is not None
        line["input_tokens"] += call["usage"]["input_tokens"]
        line["output_tokens"] += call["usage"]["output_tokens"]
        line["cost_nusd"] += call["cost_nusd"]
        line["measured"] &= call["cost_measured"]
        line["latency_s"] = round(line["latency_s"] + call["latency_s"], 6)
    return sorted(lines.values(), key=lambda line: (line["purpose"], line["model"]))


def _reference(
    calls: Mapping[str, Call], results: Mapping[str, Any], models: Portfolio, total: int, named: str
) -> dict[str, Any] | None:
    """The named model, else that of the highest mean estimate over all subtasks; what it would have cost, estimated."""
    beliefs: dict[str, list[float]] = {}
    decided = [result for result in results.values() if result["decision"]]
    for result in decided:
        for estimate in result["decision"]["ranking"]:
            if estimate["candidate"]["kind"] == "single":
                beliefs.setdefault(estimate["candidate_id"], []).append(estimate["quality"])
    everywhere = {name: sum(q) / len(q) for name, q in beliefs.items() if len(q) == len(decided) and name in models}
    if not everywhere:
        return None
    best = named if named in everywhere else max(everywhere, key=lambda name: everywhere[name])
    cost = _cost_of(best, calls, decided, models)
    if cost == 0 and not any(call["failure"] is None for call in calls.values()):
        return None
    saving = None if not cost else round(1 - total / cost, 4)
    return {"model": best, "cost_nusd": cost, "saving": saving}


def _cost_of(name: str, calls: Mapping[str, Call], decided: list[dict[str, Any]], models: Portfolio) -> int | None:
    """Each subtask's last good call, and those that called its tools, priced at the reference.

    Tokens are rescaled between tokenizers.
    """
    spec, cost = models[name], 0
    for result in decided:
        own = [c for c in calls.values() if c["subtask_id"] == result["id"] and c["purpose"] == "execute"]
        good = [c for c in own if c["failure"] is None]
        steps = {tool["call_id"] for tool in result.get("tools", ())}
        for call in [*(c for c in good[:-1] if c["id"] in steps), *good[-1:]]:
            usage, scale = call["usage"], models[call["model"]].bytes_per_token / spec.bytes_per_token
            price = spec.cost_nusd(round(usage["input_tokens"] * scale), round(usage["output_tokens"] * scale))
            if price is None:
                return None
            cost += price
    return cost
