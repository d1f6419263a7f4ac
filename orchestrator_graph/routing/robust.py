"""What keeps others from sending a user's tasks to dear models: two sources, a second look, a rate. Knows no memory.

Poisoned memories and padded prompts gain by making a cheap task look as if only a dear model could do it; so doubt is
spent on dear choices only (two price steps above the cheapest, `front.DEAR`), and costs nothing elsewhere. A choice
that was asked for (a pin, `tradeoff="best"`, the strict guard's reference) is not doubted; the rate holds for all.
"""

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.front import DEAR, steps, upgrade
from orchestrator_graph.routing.selector import Utility, first, rank
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Decision, Estimate

__all__ = ["DearRate", "dear_ones", "doubted", "second_look", "stay", "trimmed"]

EDGE = 0.125
"""Share of the words that the second look leaves out at either end."""
HOUR_S = 3600.0


def asked_for(policy: Policy) -> bool:
    """Whether the policy itself wants the dear model, so that doubt has no place."""
    return bool(policy.pin) or policy.guard == "strict" or policy.tradeoff == 1 or policy.strategy == "cascade"


def doubted(
    ranked: Sequence[Estimate],
    beliefs: Sequence[Mapping[str, Belief]],
    policy: Policy,
    now: Situation,
    utility: Utility,
) -> tuple[list[Estimate], str]:
    """The ranking with a dear first choice moved behind the best that is not dear, and why; else as it was.

    A dear choice needs two sources that would each make it (a prior, within its standard error: a guess from elsewhere
    contradicts nobody); whatever is remembered is one source. Where only one knows both candidates, it suffices unless
    it, or who made up its mind, rests on memory. Above `policy.dear_per_hour` there are no more dear choices.
    """
    rival = next((e for e in ranked if steps(e, ranked) < DEAR), None)
    if rival is None or rival is ranked[0]:
        return list(ranked), ""
    dear = ranked[0].candidate.id
    if policy.dear_per_hour is not None and now.dear_used >= policy.dear_per_hour:
        return first(
            rival, ranked
        ), f"{dear} would be next, but this user's {policy.dear_per_hour} dear choices an hour are used"
    if asked_for(policy):
        return list(ranked), ""
    told = [[b[name] for name in (dear, rival.candidate.id) if name in b and b[name].n] for b in beliefs]
    from_memory = any(belief.remembered for pair in told for belief in pair)
    speakers = [pair for pair in told if len(pair) == 2]
    doubt = 0.0 if len(speakers) == 1 and from_memory else 1.0
    agreeing = [pair for pair in speakers if _prefers(pair, doubt, ranked[0], rival, policy, now, utility)]
    sources = sum(not high.remembered for high, _ in agreeing) + any(high.remembered for high, _ in agreeing)
    alone = len(speakers) == 1 and bool(agreeing) and not agreeing[0][0].remembered
    if sources >= 2 or alone or not (speakers or from_memory):
        return list(ranked), ""
    return first(rival, ranked), f"{dear} is so dear that two estimators must agree on it, and {sources} does"


def _prefers(
    pair: Sequence[Belief],
    doubt: float,
    dear: Estimate,
    rival: Estimate,
    policy: Policy,
    now: Situation,
    utility: Utility,
) -> bool:
    """Whether this source would choose the dear one, given the benefit of so many standard errors."""
    high, low = pair
    unsure = 0.0 if high.remembered else doubt * math.hypot(high.se, low.se)
    both = [replace(rival, quality=low.quality), replace(dear, quality=high.quality + unsure)]
    return rank(both, policy, now, "", utility)[0][0] is both[1]


def stay(ranked: Sequence[Estimate], policy: Policy, now: Situation) -> tuple[list[Estimate], str]:
    """Inside a tool loop: the candidate in use stays first, unless the first choice is believed to be better.

    Whoever is believed to be worse comes last (it is better than no answer); where the candidate in use may not be
    asked any more, the best takes over (under the strict guard whoever that says).
    """
    if now.sticky is None:
        return list(ranked), ""
    held = next((e for e in ranked if e.candidate.id == now.sticky), None)
    if held is None:
        best = ranked[0] if policy.guard == "strict" else max(ranked, key=lambda e: e.quality)
        return first(best, ranked), f"{now.sticky} may not be asked any more: the best goes on inside the tool loop"
    better = [e for e in ranked if e.quality > held.quality]
    if ranked[0] in better:
        return [*better, *(e for e in ranked if e not in better)], f"up from {now.sticky} inside the tool loop"
    return first(held, [*better, *(e for e in ranked if e not in better)]), "stays with its model inside a tool loop"


def trimmed(text: str) -> str:
    """The text without its first and last eighth (words; characters where there are no spaces); short ones whole.

    >>> trimmed("one two three four five six seven eight")
    'two three four five six seven'
    """
    words = text.split()
    pieces, glue = (words, " ") if len(words) >= 8 or len(text) < 64 else (list(text), "")
    cut = int(len(pieces) * EDGE)
    return glue.join(pieces[cut : len(pieces) - cut])


async def second_look(
    decision: Decision, text: str, policy: Policy, again: Callable[[str], Awaitable[Decision]]
) -> Decision:
    """The decision, unless it is dear and the same text without its ends would have got a cheaper candidate.

    Then these two change places, in the ranking and in the propensities: an upward flip is not believed. `again`
    embeds, looks up and decides (without exploration); it is called for dear decisions only.
    """
    by_id = {e.candidate.id: e for e in decision.ranking}
    usual, core = by_id.get(decision.usual), trimmed(text)
    if usual is None or asked_for(policy) or steps(usual, decision.ranking) < DEAR or core == text:
        return decision
    other = by_id.get((await again(core)).usual)
    if other is None or steps(other, decision.ranking) >= steps(usual, decision.ranking):
        return decision
    return _exchanged(decision, usual, other)


def _exchanged(decision: Decision, usual: Estimate, other: Estimate) -> Decision:
    swap = {usual.candidate.id: other, other.candidate.id: usual}
    ranking = tuple(swap.get(e.candidate.id, e) for e in decision.ranking)
    shares = {swap[name].candidate.id if name in swap else name: p for name, p in decision.propensities.items()}
    why = (
        f"without its first and last words the text gets {other.candidate.id}, so {usual.candidate.id} is not believed"
    )
    return replace(
        decision,
        ranking=ranking,
        propensities=shares,
        usual=other.candidate.id,
        more=upgrade(ranking[0], ranking),
        why=f"{why}; {decision.why}",
    )


def dear_ones(ranking: Sequence[Estimate]) -> frozenset[str]:
    """Ids of the candidates that are dear among these."""
    return frozenset(e.candidate.id for e in ranking if steps(e, ranking) >= DEAR)


class DearRate:
    """How many dear choices each user had in the last hour, in this process. Safe from threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def used(self, tenant: str, user_id: str) -> int:
        """Dear choices of this user in the last hour."""
        with self._lock:
            times = self._recent((tenant, user_id))
            if not times:  # whoever had none for an hour is forgotten
                del self._times[tenant, user_id]
            return len(times)

    def take(self, tenant: str, user_id: str, limit: int | None) -> bool:
        """Counts a dear candidate that is about to be asked; False (and not counted) where the limit is reached."""
        with self._lock:
            times = self._recent((tenant, user_id))
            if limit is not None and len(times) >= limit:
                return False
            times.append(self._clock())
            return True

    def _recent(self, key: tuple[str, str]) -> deque[float]:
        times = self._times[key]
        while times and times[0] < self._clock() - HOUR_S:
            times.popleft()
        return times
