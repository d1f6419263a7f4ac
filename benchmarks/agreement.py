"""`python -m benchmarks.agreement ../shared/data`: what it says for an answer that two models give it.

The recorded answers of sixteen models on ZeroEval: accuracy where two agree and where they do not, within a family and
across; accepting what two agree on and asking the best model about the rest; and the calibration of `posterior`, with
learnt collisions and without. What is chosen or learnt comes from one half of the prompts, what is reported from the
other: five seeds, 95 % by paired bootstrap over prompts.
"""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.agreement_calibration import calibrated
from benchmarks.open_vs_single import Tally
from benchmarks.recorded import COMMERCIAL, OPEN, Recorded, read
from orchestrator_graph.confidence.agreement import family
from orchestrator_graph.confidence.normalise import fingerprint

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
FORMS = {"gsm": "number", "math-l5": "number", "crux": "code"}
"""CRUX asks for a Python literal: two spellings of one value are the same answer."""
SEEDS, DRAWS, NEAR = 5, 1_000, 0.03


def main() -> None:
    """Reads, measures, prints and writes docs/agreement.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", type=Path, default=Path("docs/agreement.md"))
    options = parser.parse_args()
    data = read(options.data, "zeroeval", OPEN + COMMERCIAL, tuple(FORMS))
    lines = list(report(data))
    print("\n".join(lines))
    if options.write.exists():
        head = options.write.read_text(encoding="utf-8").split("<!-- measured -->")[0]
        options.write.write_text(f"{head}<!-- measured -->\n" + "\n".join(lines) + "\n", encoding="utf-8")


def said_by(data: Recorded) -> NDArray[np.str_]:
    """Shape (n, m): fingerprints of the normalised answers."""
    rows = zip(data.answers, data.categories.tolist(), strict=True)
    return np.array([[fingerprint(text, FORMS[kind]) for text in texts] for texts, kind in rows])


def report(data: Recorded) -> Iterator[str]:
    """All tables as Markdown."""
    said = said_by(data)
    yield from agreeing(data, said)
    yield from two_or_best(data, said)
    yield from calibrated(data, said, FORMS, SEEDS)


def agreeing(data: Recorded, said: NDArray[np.str_]) -> Iterator[str]:
    """Accuracy of pairs by whether they agree, each pair counting alike."""
    yield "\n## Accuracy when two agree\n"
    yield (
        "| | prompts | pairs | agree | right if so | right if not | the same wrong answer, of both wrong "
        "| right if so: family minus others [95 %] |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    rng = np.random.default_rng(3)
    for domain in [*FORMS, "all"]:
        rows = np.flatnonzero((data.categories == domain) | (domain == "all"))
        draws = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=200).astype(float)
        weights = np.concatenate([np.ones((1, len(rows))), draws])
        kin, others = _matched(data, rows)
        found = {True: _rates(data, said, rows, kin, weights), False: _rates(data, said, rows, others, weights)}
        gap = 100 * (found[True][1] - found[False][1])
        low, high = np.percentile(gap[1:], [2.5, 97.5])
        for same, pairs in ((True, kin), (False, others)):
            share, right, wrong, coincide = (values[0] for values in found[same])
            yield (
                f"| {domain}, {'same family' if same else 'across families, as accurate'} | {len(rows)} | {len(pairs)} "
                f"| {share:.3f} | {right:.3f} | {wrong:.3f} | {coincide:.3f} "
                f"| {f'{gap[0]:+.1f} [{low:+.1f}, {high:+.1f}]' if same else ''} |"
            )


def _matched(data: Recorded, rows: Rows) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The pairs within families, and for each those where a stranger as accurate stands in for the second."""
    accuracy = data.scores[rows].mean(axis=0)
    kin = [family(name) for name in data.models]
    pairs = [(a, b) for a, b in itertools.permutations(range(len(kin)), 2) if kin[a] == kin[b]]
    others = [
        (a, c) for a, b in pairs for c in range(len(kin)) if kin[c] != kin[a] and abs(accuracy[c] - accuracy[b]) <= NEAR
    ]
    return pairs, others


def _rates(
    data: Recorded, said: NDArray[np.str_], rows: Rows, pairs: list[tuple[int, int]], weights: Array
) -> tuple[Array, Array, Array, Array]:
    """Agreeing share, accuracy if so and if not, and collisions of wrong answers, under each row of weights."""
    sums = np.zeros((6, len(rows)))
    for a, b in pairs:
        same = (said[rows, a] == said[rows, b]) & (said[rows, a] != "")
        right = (data.scores[rows, a] + data.scores[rows, b]) / 2
        wrong = (data.scores[rows, a] < 0.5) & (data.scores[rows, b] < 0.5)
        sums += np.stack([same, same * right, ~same * right, wrong, wrong & same, np.ones(len(rows))])
    agree, agree_right, apart_right, wrong, both, all_ = (weights @ part for part in sums)
    return agree / all_, agree_right / agree, apart_right / (all_ - agree), both / wrong


def two_or_best(data: Recorded, said: NDArray[np.str_]) -> Iterator[str]:
    """Accept what two agree on, else ask the best, against the best alone; all chosen on the other half."""
    yield "\n## Accept if two agree, else ask the best\n"
    yield "| | accuracy | $ / 1,000 | minus the best single, points [95 %] | cost / the best single |"
    yield "|---|---|---|---|---|"
    rng = np.random.default_rng(7)
    for domain in ["all", *FORMS]:
        part = data if domain == "all" else data.part(data.categories == domain)
        words = said if domain == "all" else said[data.categories == domain]
        tally = Tally(len(part))
        for seed in range(SEEDS):
            order = np.random.default_rng(seed).permutation(len(part))
            _one_seed(part, words, order[: len(part) // 2], order[len(part) // 2 :], tally)
        draws = rng.multinomial(len(part), np.full(len(part), 1 / len(part)), size=DRAWS).astype(float)
        weights = np.concatenate([np.ones((1, len(part))), draws])
        base, spent = tally.means("best single", weights)
        for name in tally.sums:
            score, cost = tally.means(name, weights)
            gap = 100 * (score - base)
            low, high = np.percentile(gap[1:], [2.5, 97.5])
            yield (
                f"| {domain}: {name} | {score[0]:.3f} | {cost[0] * 1000:.3f} | {gap[0]:+.1f} [{low:+.1f}, {high:+.1f}] "
                f"| {cost[0] / spent[0]:.2f} |"
            )


def _one_seed(part: Recorded, said: NDArray[np.str_], train: Rows, test: Rows, tally: Tally) -> None:
    best = int(np.argmax(part.scores[train].mean(axis=0)))
    tally.add("best single", test, part.scores[test, best], part.costs[test, best])
    kin = [family(name) for name in part.models]
    pairs = [pair for pair in itertools.combinations(range(len(kin)), 2) if best not in pair]
    floor = part.scores[train, best].mean()

    def accuracy(pair: tuple[int, int]) -> float:
        return float(_asked(part, said, pair, best, train)[0].mean())

    def price(pair: tuple[int, int]) -> tuple[bool, float]:
        score, cost = _asked(part, said, pair, best, train)
        return score.mean() < floor, float(cost.mean())

    chosen = {
        "most accurate pair": max(pairs, key=accuracy),
        "most accurate pair of two families": max((p for p in pairs if kin[p[0]] != kin[p[1]]), key=accuracy),
        "most accurate pair of one family": max((p for p in pairs if kin[p[0]] == kin[p[1]]), key=accuracy),
        "cheapest pair not below the best": min(pairs, key=price),
    }
    for name, pair in chosen.items():
        tally.add(name, test, *_asked(part, said, pair, best, test))


def _asked(part: Recorded, said: NDArray[np.str_], pair: tuple[int, int], best: int, rows: Rows) -> tuple[Array, Array]:
    a, b = pair
    agree = (said[rows, a] == said[rows, b]) & (said[rows, a] != "")
    score = np.where(agree, part.scores[rows, a], part.scores[rows, best])
    return score, part.costs[rows, a] + part.costs[rows, b] + np.where(agree, 0.0, part.costs[rows, best])


if __name__ == "__main__":
    main()
