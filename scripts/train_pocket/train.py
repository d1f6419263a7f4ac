"""Trains one model, resuming from its last checkpoint."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from scripts.train_pocket.network import Weights, initial, loss
from scripts.train_pocket.optimiser import optimiser
from scripts.train_pocket.recipe import Recipe
from scripts.train_pocket.rows import pack

CHUNK = 100
CHECKPOINT_EVERY = 500
MAX_ROWS = 250_000


def chunk_step(recipe: Recipe, rule: optax.GradientTransformation) -> Callable[..., Any]:
    """A compiled run of CHUNK steps over consecutive batches."""

    def step(carry: tuple[Weights, Any], rows: tuple[jax.Array, ...]) -> tuple[tuple[Weights, Any], jax.Array]:
        weights, state = carry
        value, gradients = jax.value_and_grad(lambda w: loss(recipe, w, rows))(weights)
        updates, state = rule.update(gradients, state, weights)
        return (optax.apply_updates(weights, updates), state), value

    return jax.jit(lambda carry, rows: jax.lax.scan(step, carry, rows))


def save(path: Path, carry: Any, done: int) -> None:
    """Writes the checkpoint beside the old one and swaps, so that a kill leaves a whole file."""
    arrays = {f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(carry))}
    fresh = path.with_suffix(".tmp.npz")
    np.savez(fresh, done=done, **arrays)  # type: ignore[arg-type]
    fresh.replace(path)


def load(path: Path, carry: Any) -> tuple[Any, int]:
    """The carry and step count of a checkpoint, in the structure of `carry`."""
    with np.load(path) as stored:
        leaves = [jnp.asarray(stored[f"leaf{i}"]) for i in range(len(jax.tree.leaves(carry)))]
        return jax.tree.unflatten(jax.tree.structure(carry), leaves), int(stored["done"])


def train(recipe: Recipe, folder: Path, report: Callable[[str], None]) -> Weights:
    """The trained weights; interrupted runs go on where their checkpoint stands and end in the same weights."""
    started = time.perf_counter()
    rule = optimiser(recipe)
    weights = initial(recipe)
    carry: Any = (weights, rule.init(weights))
    path = folder / f"{recipe.name}.npz"
    done = 0
    if path.exists():
        carry, done = load(path, carry)
    if done >= recipe.steps:
        return dict(carry[0])
    rows = pack(recipe, min(MAX_ROWS, recipe.steps * recipe.batch) // (CHUNK * recipe.batch) * CHUNK * recipe.batch)
    report(f"{recipe.name}: {len(rows.tokens)} rows packed, {time.perf_counter() - started:.0f} s")
    run = chunk_step(recipe, rule)
    while done < recipe.steps:
        at = done * recipe.batch % len(rows.tokens)
        part = tuple(a[at : at + CHUNK * recipe.batch].reshape(CHUNK, recipe.batch, -1) for a in rows)
        carry, losses = run(carry, part)
        done += CHUNK
        if done % CHECKPOINT_EVERY == 0 or done >= recipe.steps:
            save(path, carry, done)
            report(f"{recipe.name}: {done} steps, loss {losses.mean():.4f}, {time.perf_counter() - started:.0f} s")
    return dict(carry[0])
