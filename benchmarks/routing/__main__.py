"""`make bench-routing DATA=folder`: our router, each estimator alone and the baselines on recorded outcomes.

Each data set is split 70 / 30 by seed; all methods see the same splits and the same labels. Nothing is tuned here: no
threshold, k or penalty is read off the test part. The trade-off between quality and cost is swept, as AIQ asks.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.recorded import COMMERCIAL, OPEN, Recorded, read
from benchmarks.routing.measure import measure
from benchmarks.routing.report import table

ALL = 1_000_000


def main() -> None:
    """Reads, measures, prints, writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 300, 500, 1500, ALL])
    parser.add_argument("--only", nargs="+", default=["zeroeval", "paretobandit", "mmlu", "gsm8k"])
    parser.add_argument("--out", type=Path, default=Path("build/bench-routing"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        data = load(options.data, name)
        for labels in dict.fromkeys(min(n, int(0.7 * len(data))) for n in options.labels):
            one(data, name, labels, options.seeds, options.out)


def load(folder: Path, name: str) -> Recorded:
    """A data set by its short name."""
    if name == "zeroeval":
        return read(folder, "zeroeval", COMMERCIAL + OPEN)
    return read(folder, name) if name == "paretobandit" else read(folder, "routellm", datasets=(name,))


def one(data: Recorded, name: str, labels: int, seeds: int, out: Path) -> None:
    """One table."""
    begun = time.perf_counter()
    draws = measure(data, labels, seeds, lambda line: print(line, file=sys.stderr))
    print(f"\n### {name}, {labels} labels ({len(data)} prompts, {len(data.models)} models, {seeds} seeds)\n")
    print("\n".join(table(draws, binary=data.name == "routellm")), flush=True)
    kept = {method: values[..., :].tolist() for method, values in draws.items() if values.ndim == 1}
    path = out / f"{name}-{labels}.json"
    path.write_text(json.dumps({"seconds": time.perf_counter() - begun, "seeds": seeds, "draws": kept}))


if __name__ == "__main__":
    main()
