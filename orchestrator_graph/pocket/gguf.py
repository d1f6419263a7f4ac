"""Reads GGUF files: metadata and f32 or f16 tensors. Knows nothing of what the tensors mean.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Value = int | float | bool | str | list["Value"]

SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
TENSOR_TYPES: Final[dict[int, np.dtype[np.floating[Any]]]] = {0: np.dtype("<f4"), 1: np.dtype("<f2")}
MAX_DIMENSIONS = 4
MAX_DEPTH = 4


class GgufError(ValueError):
    """The file is no GGUF that we can read; the message names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Gguf:
    """A file's metadata and its tensors as float32, by name."""

    metadata: dict[str, Value]
    tensors: dict[str, npt.NDArray[np.float32]]


class _Cursor:
    """A position in the file's bytes; reading past the end is a GgufError."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name, self.at = data, name, 0

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise GgufError(f"{self.name} ends at byte {len(self.data)}, in the middle of a value: it was cut short.")
        self.at += size
        return self.data[self.at - size : self.at]

    def scalar(self, code: str) -> int | float | bool:
        value: int | float | bool = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]
        return value

    def integer(self, code: str) -> int:
        return int(self.scalar(code))

    def string(self) -> str:
        raw = self.take(self.integer("Q"))
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise GgufError(f"{self.name} has a string that is not UTF-8, {raw[:20]!r}.") from error

    def value(self, kind: int, depth: int = 0) -> Value:
        if kind == STRING:
            return self.string()
        if kind == ARRAY and depth < MAX_DEPTH:
            item, count = self.integer("I"), self.integer("Q")
            return [self.value(item, depth + 1) for _ in range(count)]
        if kind in SCALARS:
            return self.scalar(SCALARS[kind])
        raise GgufError(f"{self.name} has a metadata value of unknown type {kind} at byte {self.at}.")


def read_gguf(path: Path) -> Gguf:
    """Metadata and tensors of a GGUF file.

    Raises:
        GgufError: Not a GGUF, cut short, or with tensors that are neither f32 nor f16.
        FileNotFoundError: No such file.
    """
    return parse_gguf(path.read_bytes(), path.name)


def parse_gguf(data: bytes, name: str) -> Gguf:
    """The same from bytes; `name` is what the messages call them."""
    cursor = _Cursor(data, name)
    if cursor.take(4) != b"GGUF":
        raise GgufError(f"{name} does not begin with GGUF: it is another kind of file.")
    version = cursor.integer("I")
    if version not in (2, 3):
        raise GgufError(f"{name} is GGUF version {version}; versions 2 and 3 can be read.")
    tensor_count, value_count = cursor.integer("Q"), cursor.integer("Q")
    metadata = {}
    for _ in range(value_count):
        key = cursor.string()
        metadata[key] = cursor.value(cursor.integer("I"))
    headers = [_tensor_header(cursor) for _ in range(tensor_count)]
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 1:
        raise GgufError(f"{name} has general.alignment {alignment!r}; a positive whole number was expected.")
    start = -(-cursor.at // alignment) * alignment
    return Gguf(metadata, {header[0]: _tensor(cursor, start, *header) for header in headers})


def _tensor_header(cursor: _Cursor) -> tuple[str, tuple[int, ...], int, int]:
    tensor, dimensions = cursor.string(), cursor.integer("I")
    if dimensions > MAX_DIMENSIONS:
        raise GgufError(f"{cursor.name} gives tensor {tensor} {dimensions} dimensions; at most 4 are possible.")
    shape = tuple(cursor.integer("Q") for _ in range(dimensions))
    if 0 in shape:
        raise GgufError(f"{cursor.name} gives tensor {tensor} the empty shape {shape[::-1]}.")
    return tensor, shape[::-1], cursor.integer("I"), cursor.integer("Q")


def _tensor(
    cursor: _Cursor, start: int, tensor: str, shape: tuple[int, ...], kind: int, offset: int
) -> npt.NDArray[np.float32]:
    dtype = TENSOR_TYPES.get(kind)
    if dtype is None:
        raise GgufError(f"{cursor.name} stores tensor {tensor} as ggml type {kind}; only f32 (0) and f16 (1) are read.")
    cursor.at = min(start + offset, len(cursor.data))
    raw = cursor.take(prod(shape) * dtype.itemsize)
    return np.frombuffer(raw, dtype).astype(np.float32).reshape(shape)
