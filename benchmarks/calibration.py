"""`make bench-calibration`: how far confidences are right, with the pocket models for real; writes docs/calibration.md.

Each (task, model) is run once and stored with its log-probabilities. Five resplits: so many tasks are remembered with
all five models tried on each, as after `models profile`; confidences are compared with outcomes on the rest, in every
(model, task type) and (model, family) with 1,000 test answers. No way, feature or constant is chosen on the test rows
of a split: the constants were set on splits 0-2, the table is about splits 10-14.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration_ways import SHIPPED, Data, read, ways
from benchmarks.reliability_figure import figure
from orchestrator_graph.confidence.reliability import Reliability, reliability

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
SIZES = (100, 300, 1_000)
SPLITS = range(10, 15)
LEAST = 1_000
RAW = "raw: the model's own probability"
HEAD = "ECE, debiased: median | worst | worst in one split | ECE as it is, median | AUROC | Brier"
Cells = dict[tuple[str, str], list[Reliability]]
"""(model, group) -> one measurement a split."""


def main() -> None:
    """Runs, measures, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    options = parser.parse_args()
    data = read()
    lines, kept = ["## Labels of all kinds of tasks together", ""], dict[tuple[int, str], dict[str, Cells]]()
    for size in SIZES:
        for way, found in measured(data, size, options.docs / "figures").items():
            kept[size, way] = found
    lines += [*summary(kept), "", "## Each model and task type", "", *detail(kept, "type")]
    lines += ["", "## Each model and family at 300 labels", "", *families(kept), ""]
    lines += ["## Labels of one task type", "", *alone(data), ""]
    path = options.docs / "calibration.md"
    head = path.read_text(encoding="utf-8").split("<!-- table -->")[0] if path.is_file() else "# Calibration\n\n"
    path.write_text(f"{head}<!-- table -->\n\n" + "\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


def measured(data: Data, size: int, figures: Path) -> dict[str, dict[str, Cells]]:
    """Way -> grouping (`type`, `family`) -> cells, over all splits; draws the first split's diagram at 300 labels."""
    found: dict[str, dict[str, Cells]] = defaultdict(lambda: {"type": defaultdict(list), "family": defaultdict(list)})
    for split in SPLITS:
        order = np.random.default_rng(split).permutation(len(data.right))
        train, test = order[:size], order[max(SIZES) :]
        drawn: dict[str, Array] = {}
        for way, said in ways(data, train, test):
            drawn[way] = said
            for grouping, groups in (("type", data.types), ("family", data.families)):
                measure(data, said, test, groups, found[way][grouping])
        if size == 300 and split == SPLITS[0]:
            draw(data, drawn, test, figures)
    return dict(found)


def measure(data: Data, said: Array, test: Rows, groups: NDArray[np.str_], cells: Cells) -> None:
    """Adds one measurement to each cell with enough test answers."""
    for group in np.unique(groups).tolist():
        rows = groups[test] == group
        if rows.sum() >= LEAST:
            for j, model in enumerate(data.runs.models):
                cells[model, group].append(reliability(said[rows, j], data.right[test[rows], j]))


def draw(data: Data, said: dict[str, Array], test: Rows, folder: Path) -> None:
    """One SVG with all models, raw above calibrated."""
    folder.mkdir(parents=True, exist_ok=True)
    panels = {
        model: {row: (said[way][:, j], data.right[test, j]) for row, way in (("raw", RAW), ("calibrated", SHIPPED))}
        for j, model in enumerate(data.runs.models)
    }
    title = "Pocket models: what was said and what came true, before and after 300 labels"
    (folder / "reliability.svg").write_text(figure(panels, title), encoding="utf-8")


def _mean(cell: list[Reliability], name: str) -> float:
    return float(np.mean([getattr(found, name) for found in cell]))


def _columns(cells: Cells) -> str:
    debiased = [_mean(cell, "debiased") for cell in cells.values()]
    single = max(found.debiased for cell in cells.values() for found in cell)
    plain = np.median([_mean(cell, "ece") for cell in cells.values()])
    brier = np.mean([_mean(cell, "brier") for cell in cells.values()])
    auroc = np.nanmean([_mean(cell, "auroc") for cell in cells.values()])
    return f"{np.median(debiased):.3f} | {max(debiased):.3f} | {single:.3f} | {plain:.3f} | {auroc:.3f} | {brier:.4f}"


def summary(kept: dict[tuple[int, str], dict[str, Cells]]) -> Iterator[str]:
    """One line per number of labels and way, for both groupings."""
    for grouping, name in (("type", "model and task type"), ("family", "model and family")):
        cells = next(iter(kept.values()))[grouping]
        least = min(found.n for cell in cells.values() for found in cell)
        yield f"Over {len(cells)} cells of {name}, each of {least:,} test answers or more:"
        yield ""
        yield f"| labels | way | {HEAD} |"
        yield "|---|---|---|---|---|---|---|---|"
        for (size, way), found in kept.items():
            yield f"| {size:,} | {way} | {_columns(found[grouping])} |"
        yield ""


def detail(kept: dict[tuple[int, str], dict[str, Cells]], grouping: str) -> Iterator[str]:
    """The shipped way beside the raw one, cell by cell."""
    heads = " | ".join(f"AUROC, {n:,} | ECE, {n:,}" for n in SIZES)
    yield f"| model | of | n | AUROC raw | ECE raw | {heads} |"
    yield "|---|---|---|---|---|" + "---|" * 2 * len(SIZES)
    raw = kept[SIZES[0], RAW][grouping]
    for (model, group), cell in raw.items():
        after = [kept[size, SHIPPED][grouping][model, group] for size in SIZES]
        text = " | ".join(f"{_mean(c, 'auroc'):.3f} | {_mean(c, 'debiased'):.3f}" for c in after)
        n = round(_mean(cell, "n"))
        yield f"| {model} | {group} | {n:,} | {_mean(cell, 'auroc'):.3f} | {_mean(cell, 'debiased'):.3f} | {text} |"


def families(kept: dict[tuple[int, str], dict[str, Cells]]) -> Iterator[str]:
    """ECE of raw and shipped, a row per family, a column per model."""
    raw, after = kept[300, RAW]["family"], kept[300, SHIPPED]["family"]
    models, groups = list(dict.fromkeys(m for m, _ in raw)), sorted({g for _, g in raw})
    yield "ECE, debiased, raw > calibrated:"
    yield ""
    yield "| family | " + " | ".join(models) + " |"
    yield "|---|" + "---|" * len(models)
    for group in groups:
        pairs = [[_mean(found[model, group], "debiased") for found in (raw, after)] for model in models]
        yield f"| {group} | " + " | ".join(f"{before:.3f} > {then:.3f}" for before, then in pairs) + " |"


def alone(data: Data) -> Iterator[str]:
    """So many labels of every task type, or of every family, instead of all kinds together."""
    yield f"| labels of each | kinds | {HEAD} |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, groups, sizes in (("task type", data.types, SIZES), ("family", data.families, SIZES[:2])):
        for size in sizes:
            cells: Cells = defaultdict(list)
            for split in SPLITS:
                order = np.random.default_rng(split).permutation(len(data.right))
                kinds = [g for g in np.unique(groups) if (groups == g).sum() >= size + LEAST]
                train = np.concatenate([order[groups[order] == g][:size] for g in kinds])
                test = np.setdiff1d(order, train)
                mixed = np.random.default_rng(split).permutation(train)
                said = next(said for way, said in ways(data, mixed, test) if way == SHIPPED)
                for group in kinds:
                    rows = groups[test] == group
                    for j, model in enumerate(data.runs.models):
                        cells[model, str(group)].append(reliability(said[rows, j], data.right[test[rows], j]))
            least = min(found.n for cell in cells.values() for found in cell)
            yield f"| {size:,} | {name} ({len(cells)} cells, n >= {least:,}) | {_columns(cells)} |"


if __name__ == "__main__":
    main()
