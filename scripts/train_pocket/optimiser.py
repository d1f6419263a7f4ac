"""Muon on the block matrices and Adam on the rest, both on one cosine schedule."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from scripts.train_pocket.recipe import Recipe

MATRICES = frozenset({"q", "k", "v", "o", "gate", "up", "down"})


def orthogonal(matrix: jax.Array) -> jax.Array:
    """Five Newton-Schulz steps towards the nearest orthogonal matrix (Jordan et al., 2024), over stacked matrices."""
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = jnp.swapaxes(matrix, -1, -2) if tall else matrix
    x = x / (jnp.linalg.norm(x, axis=(-2, -1), keepdims=True) + 1e-7)
    for _ in range(5):
        gram = x @ jnp.swapaxes(x, -1, -2)
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return jnp.swapaxes(x, -1, -2) if tall else x


def muon(momentum: float = 0.95) -> optax.GradientTransformation:
    """Nesterov momentum, orthogonalised, and scaled for rectangular matrices."""

    def scale(moment: jax.Array, gradient: jax.Array) -> jax.Array:
        step = orthogonal(gradient + momentum * moment)
        scaled: jax.Array = step * max(1.0, step.shape[-2] / step.shape[-1]) ** 0.5
        return scaled

    def update(gradients: Any, moments: Any, params: Any = None) -> tuple[Any, Any]:
        del params
        moments = jax.tree.map(lambda m, g: momentum * m + g, moments, gradients)
        return jax.tree.map(scale, moments, gradients), moments

    return optax.GradientTransformation(lambda params: jax.tree.map(jnp.zeros_like, params), update)


def optimiser(recipe: Recipe, muon_scale: float = 1.0) -> optax.GradientTransformation:
    """The recipe's optimiser; its state is a plain pytree, so that a checkpoint holds it."""
    schedule = optax.warmup_cosine_decay_schedule(0.0, 1.0, 50, recipe.steps, 0.0)
    rules = {
        "matrix": optax.chain(muon(), optax.scale(muon_scale)),
        "other": optax.scale_by_adam(b1=0.9, b2=0.99),
    }
    return optax.chain(
        optax.partition(rules, lambda params: {k: "matrix" if k in MATRICES else "other" for k in params}),
        optax.scale_by_schedule(schedule),
        optax.scale(-recipe.rate),
    )
