"""The Llama architecture in JAX, as llama.cpp computes it: interleaved RoPE, RMS norm, SwiGLU."""

import jax
import jax.numpy as jnp

from scripts.train_pocket.recipe import VOCABULARY, Recipe

Weights = dict[str, jax.Array]


def initial(recipe: Recipe) -> Weights:
    """Uniform weights of scale width^-.5; block matrices are stacked by layer, as (layers, out, in)."""
    d, n, f = recipe.width, recipe.layers, recipe.hidden
    shapes = {
        "embed": (VOCABULARY, d),
        "head": (VOCABULARY, d),
        "q": (n, d, d),
        "k": (n, d, d),
        "v": (n, d, d),
        "o": (n, d, d),
        "gate": (n, f, d),
        "up": (n, f, d),
        "down": (n, d, f),
    }
    keys = jax.random.split(jax.random.key(recipe.seed), len(shapes))
    bound = d**-0.5
    weights = {
        name: jax.random.uniform(key, shape, minval=-bound, maxval=bound)
        for key, (name, shape) in zip(keys, shapes.items(), strict=True)
    }
    return weights | {"attn_norm": jnp.ones((n, d)), "ffn_norm": jnp.ones((n, d)), "norm": jnp.ones(d)}


def rms(x: jax.Array, gain: jax.Array) -> jax.Array:
    """RMS norm with llama.cpp's epsilon."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-5) * gain


def rotate(x: jax.Array) -> jax.Array:
    """Interleaved RoPE over (batch, time, heads, size)."""
    _, time, _, size = x.shape
    angle = jnp.arange(time)[:, None] * 10000.0 ** (-jnp.arange(0, size, 2) / size)
    cos, sin = jnp.cos(angle)[None, :, None], jnp.sin(angle)[None, :, None]
    even, odd = x[..., 0::2], x[..., 1::2]
    return jnp.stack((even * cos - odd * sin, even * sin + odd * cos), -1).reshape(x.shape)


def states(recipe: Recipe, weights: Weights, tokens: jax.Array, example: jax.Array) -> jax.Array:
    """Hidden states of packed rows; a byte attends to earlier bytes of its own example."""
    batch, time = tokens.shape
    size = recipe.width // recipe.heads
    same = (example[:, :, None] == example[:, None, :]) & jnp.tril(jnp.ones((time, time), bool))
    bias = jnp.where(same, 0.0, -1e9)[:, None]
    x = weights["embed"][tokens]
    for layer in range(recipe.layers):
        h = rms(x, weights["attn_norm"][layer])
        q, k, v = ((h @ weights[name][layer].T).reshape(batch, time, recipe.heads, size) for name in "qkv")
        score = jnp.einsum("bthd,bshd->bhts", rotate(q), rotate(k)) * size**-0.5 + bias
        mixed = jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(score), v).reshape(x.shape)
        x = x + mixed @ weights["o"][layer].T
        h = rms(x, weights["ffn_norm"][layer])
        x = x + (jax.nn.silu(h @ weights["gate"][layer].T) * (h @ weights["up"][layer].T)) @ weights["down"][layer].T
    return x


def loss(recipe: Recipe, weights: Weights, rows: tuple[jax.Array, ...]) -> jax.Array:
    """Mean cross-entropy of the answer bytes; prompts cost nothing, and the head is computed for answers only."""
    tokens, example, where, target = (part.astype(jnp.int32) for part in rows)
    x = states(recipe, weights, tokens, example)
    picked = jnp.take_along_axis(x, where[:, :, None], 1)
    logits = rms(picked, weights["norm"]) @ weights["head"].T
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.maximum(target, 0)[:, :, None], 2)[..., 0]
    weight = target >= 0
    return -jnp.sum(chosen * weight) / jnp.sum(weight)
