"""The Llama architecture in NumPy, with a KV cache. Knows token ids and logits, neither text nor sampling."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from orchestrator_graph.pocket.gguf import Gguf, GgufError, Value

Array = npt.NDArray[np.float32]

EPSILON = 1e-5


class Cache:
    """Keys and values of what one generation has read so far; belongs to one thread."""

    __slots__ = ("keys", "length", "values")

    def __init__(self, layers: int, heads: int, context: int, size: int) -> None:
        self.keys = np.zeros((layers, heads, context, size), np.float32)
        self.values = np.zeros((layers, heads, context, size), np.float32)
        self.length = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """One block's matrices, as (in, out), with the norm before each folded in."""

    qkv: Array
    out: Array
    gate_up: Array
    down: Array


@dataclass(frozen=True, slots=True)
class Network:
    """Weights that any number of threads may share: nothing here is ever written to."""

    embed: Array
    layers: tuple[Layer, ...]
    head: Array
    turn: npt.NDArray[np.complex64]
    mask: Array
    heads: int
    context: int
    parameters: int

    @classmethod
    def from_gguf(cls, file: Gguf) -> Self:
        """The network that a file of architecture "llama" describes.

        Raises:
            GgufError: Another architecture, or a key or tensor that lacks.
        """
        if (architecture := file.metadata.get("general.architecture")) != "llama":
            raise GgufError(f"The architecture is {architecture!r}; only 'llama' can be run.")
        context, width = _whole(file, "llama.context_length"), _whole(file, "llama.embedding_length")
        heads = _whole(file, "llama.attention.head_count")
        if width % heads or (size := width // heads) % 2:
            raise GgufError(f"Width {width} does not divide into {heads} heads of even size.")
        base = file.metadata.get("llama.rope.freq_base", 10000.0)
        angle = np.outer(np.arange(context), _number(base) ** (-np.arange(0, size, 2) / size))
        return cls(
            embed=_tensor(file, "token_embd"),
            layers=tuple(_layer(file, i) for i in range(_whole(file, "llama.block_count"))),
            head=np.ascontiguousarray((_tensor(file, "output") * _tensor(file, "output_norm")).T),
            turn=np.exp(1j * angle).astype(np.complex64)[:, None, None],
            mask=np.triu(np.full((context, context), -1e9, np.float32), 1),
            heads=heads,
            context=context,
            parameters=sum(tensor.size for tensor in file.tensors.values()),
        )

    def cache(self) -> Cache:
        """An empty cache for one generation."""
        return Cache(len(self.layers), self.heads, self.context, self.embed.shape[1] // self.heads)

    def advance(self, cache: Cache, ids: list[int]) -> Array:
        """Reads `ids` behind what the cache holds; logits for the token that follows, of shape (vocabulary,).

        Raises:
            IndexError: More ids than the context has room for.
        """
        start, end = cache.length, cache.length + len(ids)
        if end > self.context:
            raise IndexError(f"{end} tokens do not fit into a context of {self.context}.")
        x = self.embed[ids]
        for number, layer in enumerate(self.layers):
            x = x + self._attend(cache, number, layer, _unit(x), start, end)
            both = _unit(x) @ layer.gate_up
            gate, up = both[:, : len(layer.down)], both[:, len(layer.down) :]
            x = x + (gate / (1 + np.exp(-gate)) * up) @ layer.down
        cache.length = end
        last: Array = _unit(x[-1]) @ self.head
        return last

    def _attend(self, cache: Cache, number: int, layer: Layer, x: Array, start: int, end: int) -> Array:
        count, width = x.shape
        qkv = (x @ layer.qkv).reshape(count, 3, self.heads, width // self.heads)
        turned = (qkv[:, :2].copy().view(np.complex64) * self.turn[start:end]).view(np.float32)
        cache.keys[number, :, start:end] = turned[:, 1].transpose(1, 0, 2)
        cache.values[number, :, start:end] = qkv[:, 2].transpose(1, 0, 2)
        score = turned[:, 0].transpose(1, 0, 2) @ cache.keys[number, :, :end].transpose(0, 2, 1)
        score = score * np.float32((width // self.heads) ** -0.5) + self.mask[start:end, :end]
        weight = np.exp(score - np.maximum.reduce(score, -1, keepdims=True))
        mixed = (weight @ cache.values[number, :, :end]) / np.add.reduce(weight, -1, keepdims=True)
        attended: Array = mixed.transpose(1, 0, 2).reshape(count, width) @ layer.out
        return attended


def _unit(x: Array) -> Array:
    # np.mean is five times slower than the reduction it wraps, on vectors as short as ours.
    scaled: Array = x / np.sqrt(np.add.reduce(x * x, -1, keepdims=True) / x.shape[-1] + EPSILON)
    return scaled


def _number(value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GgufError(f"{value!r} stands where a number was expected.")
    return float(value)


def _whole(file: Gguf, key: str) -> int:
    if key not in file.metadata:
        raise GgufError(f"The metadata lacks {key}.")
    return int(_number(file.metadata[key]))


def _tensor(file: Gguf, name: str) -> Array:
    try:
        return file.tensors[f"{name}.weight"]
    except KeyError:
        raise GgufError(f"The file lacks the tensor {name}.weight.") from None


def _layer(file: Gguf, number: int) -> Layer:
    def get(name: str) -> Array:
        return _tensor(file, f"blk.{number}.{name}")

    def join(*parts: Array, gain: Array) -> Array:
        return np.ascontiguousarray((np.concatenate(parts) * gain).T)

    qkv = (get("attn_q"), get("attn_k"), get("attn_v"))
    if any(a.shape != b.shape for a, b in pairwise(qkv)):
        raise GgufError(f"Block {number} shares keys between heads, which this runtime does not do.")
    return Layer(
        qkv=join(*qkv, gain=get("attn_norm")),
        out=np.ascontiguousarray(get("attn_output").T),
        gate_up=join(get("ffn_gate"), get("ffn_up"), gain=get("ffn_norm")),
        down=np.ascontiguousarray(get("ffn_down").T),
    )
