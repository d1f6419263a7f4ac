"""Recorded outcomes of real models, read from the folder that the user names; never copied into the project."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

Array = NDArray[np.float64]

COMMERCIAL = (
    "gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "gpt-3.5-turbo-0125", "claude-3-5-sonnet-20240620",
    "claude-3-haiku-20240307", "claude-3-opus-20240229", "gemini-1.5-pro", "gemini-1.5-flash", "Mistral-Large-2",
)  # fmt: skip
OPEN = (
    "Meta-Llama-3.1-8B-Instruct", "Meta-Llama-3.1-70B-Instruct", "Llama-3.1-405B-Inst@sambanova",
    "deepseek-v2.5-0908", "Qwen2-72B-Instruct", "gemma-2-9b-it", "gemma-2-27b-it",
)  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """n prompts answered by m models.

    Attributes:
        scores: Shape (n, m), in [0, 1].
        costs: Shape (n, m), US dollars per request.
        vectors: Shape (n, 384), unit length (all-MiniLM-L6-v2).
    """

    name: str
    models: tuple[str, ...]
    prompts: tuple[str, ...]
    categories: NDArray[np.str_]
    scores: Array
    costs: Array
    vectors: NDArray[np.float32]
    answers: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.scores)

    def part(self, rows: NDArray[np.bool_]) -> "Recorded":
        """The prompts that are marked."""
        where = np.flatnonzero(rows)
        answers = tuple(self.answers[i] for i in where) if self.answers else ()
        return Recorded(
            self.name, self.models, tuple(self.prompts[i] for i in where), self.categories[rows],
            self.scores[rows], self.costs[rows], self.vectors[rows], answers,
        )  # fmt: skip

    def of(self, models: tuple[str, ...]) -> "Recorded":
        """Only these models."""
        columns = [self.models.index(name) for name in models]
        answers = tuple(tuple(row[c] for c in columns) for row in self.answers)
        return Recorded(
            self.name, models, self.prompts, self.categories,
            self.scores[:, columns], self.costs[:, columns], self.vectors, answers,
        )  # fmt: skip


def read(folder: Path, source: str, models: tuple[str, ...] = (), datasets: tuple[str, ...] = ()) -> Recorded:
    """One parquet file as arrays: prompts that all the models answered; a missing cost is the model's mean."""
    table = pq.read_table(folder / f"{source}.parquet").to_pydict()
    rows = range(len(table["prompt_id"]))
    wanted = set(models) or set(table["model"])
    cells: dict[str, dict[str, int]] = {}
    for i in rows:
        if table["model"][i] in wanted and (not datasets or table["dataset"][i] in datasets):
            cells.setdefault(table["prompt_id"][i], {})[table["model"][i]] = i
    names = models or tuple(sorted(wanted))
    ids = sorted(key for key, found in cells.items() if len(found) == len(names))
    index = np.array([[cells[key][name] for name in names] for key in ids])
    stored = np.load(folder / f"{source}.minilm.npz", allow_pickle=False)
    place = {key: i for i, key in enumerate(stored["prompt_id"].tolist())}
    vectors = stored["embedding"][[place[key] for key in ids]].astype(np.float32)
    first = index[:, 0]
    costs = _costs(table.get("cost_usd"), index)
    texts = table.get("answer")
    answers = tuple(tuple(str(texts[i] or "") for i in row) for row in index) if texts else ()
    return Recorded(
        source, names, tuple(table["prompt"][i] or "" for i in first),
        np.array([f"{table['dataset'][i]}" if source == "zeroeval" else str(table["category"][i]) for i in first]),
        np.array(table["score"], float)[index], costs,
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True), answers,
    )  # fmt: skip


def _costs(column: list[float | None] | None, index: NDArray[np.int64]) -> Array:
    if column is None:
        return np.zeros(index.shape)
    found = np.array([np.nan if value is None else value for value in column])[index]
    means = np.nanmean(found, axis=0) if not np.isnan(found).all() else np.zeros(index.shape[1])
    return np.where(np.isnan(found), means, found)
