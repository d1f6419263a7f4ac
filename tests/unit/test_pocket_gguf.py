import struct
from pathlib import Path

import numpy as np
import pytest

from orchestrator_graph.pocket.gguf import Gguf, GgufError, parse_gguf, read_gguf
from orchestrator_graph.pocket.network import Network
from orchestrator_graph.pocket.weights import NAMES, load_network, load_portfolio, read_verified, weights_path


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(version: int = 3, kind: int = 0, values: bytes = b"", count: int = 0, data: bytes = b"") -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, 1, count) + values
    head += text("t") + struct.pack("<IQQIQ", 2, 3, 2, kind, 0)
    return head + bytes(-len(head) % 32) + data


SIX = np.arange(6, dtype="<f4").tobytes()


def test_tensors_come_in_row_order_whatever_their_type() -> None:
    for kind, dtype in ((0, "<f4"), (1, "<f2")):
        file = parse_gguf(gguf(kind=kind, data=np.arange(6).astype(dtype).tobytes()), "x")
        np.testing.assert_array_equal(file.tensors["t"], [[0, 1, 2], [3, 4, 5]])
        assert file.tensors["t"].dtype == np.float32


def test_metadata_of_every_kind_is_read() -> None:
    values = text("s") + struct.pack("<I", 8) + text("héllo")
    values += text("a") + struct.pack("<IIQ", 9, 5, 2) + struct.pack("<ii", -1, 7)
    values += text("b") + struct.pack("<I?", 7, True) + text("f") + struct.pack("<If", 6, 0.5)
    assert parse_gguf(gguf(values=values, count=4, data=SIX), "x").metadata == {
        "s": "héllo",
        "a": [-1, 7],
        "b": True,
        "f": 0.5,
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>", "does not begin with GGUF"),
        (b"", "cut short"),
        (gguf(version=9, data=SIX), "version 9"),
        (gguf(kind=8, data=SIX), "ggml type 8"),
        (gguf(data=SIX[:-1]), "cut short"),
        (gguf(data=SIX).replace(struct.pack("<QQ", 3, 2), bytes(16)), "empty shape"),
        (gguf(data=SIX).replace(struct.pack("<IQQ", 2, 3, 2), struct.pack("<IQQ", 9, 3, 2)), "9 dimensions"),
        (gguf(values=text("k") + struct.pack("<I", 99), count=1, data=SIX), "unknown type 99"),
        (gguf(values=text("k") + struct.pack("<IQ", 8, 2) + b"\xff\xfe", count=1, data=SIX), "not UTF-8"),
        (
            gguf(values=text("general.alignment") + struct.pack("<II", 4, 0), count=1, data=SIX),
            "general.alignment 0",
        ),
    ],
)
def test_a_damaged_file_says_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(GgufError, match=message) as caught:
        parse_gguf(data, "some.gguf")
    assert "some.gguf" in str(caught.value)


def test_every_cut_of_a_real_file_is_noticed(tmp_path: Path) -> None:
    whole = weights_path("text").read_bytes()
    for size in (10, 3000, len(whole) // 2, len(whole) - 1):
        path = tmp_path / "cut.gguf"
        path.write_bytes(whole[:size])
        with pytest.raises(GgufError):
            read_gguf(path)


def test_a_file_that_is_no_llama_is_refused() -> None:
    good = read_gguf(weights_path("text"))
    with pytest.raises(GgufError, match="'gpt2'"):
        Network.from_gguf(Gguf(good.metadata | {"general.architecture": "gpt2"}, good.tensors))
    with pytest.raises(GgufError, match=r"llama\.block_count"):
        Network.from_gguf(Gguf({k: v for k, v in good.metadata.items() if "block" not in k}, good.tensors))
    with pytest.raises(GgufError, match=r"blk\.1\.ffn_up"):
        Network.from_gguf(Gguf(good.metadata, {k: v for k, v in good.tensors.items() if k != "blk.1.ffn_up.weight"}))
    with pytest.raises(GgufError, match="heads of even size"):
        Network.from_gguf(Gguf(good.metadata | {"llama.attention.head_count": 5}, good.tensors))
    with pytest.raises(GgufError, match="number was expected"):
        Network.from_gguf(Gguf(good.metadata | {"llama.context_length": "128"}, good.tensors))
    grouped = good.tensors | {"blk.0.attn_k.weight": good.tensors["blk.0.attn_k.weight"][:16]}
    with pytest.raises(GgufError, match="shares keys between heads"):
        Network.from_gguf(Gguf(good.metadata, grouped))


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pocket-text.gguf"
    data = bytearray(weights_path("text").read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(GgufError, match="sha256"):
        read_verified(path, load_portfolio()["text"]["sha256"])


@pytest.mark.parametrize("name", NAMES)
def test_the_portfolio_tells_the_truth_about_each_file(name: str) -> None:
    entry = load_portfolio()[name]
    network = load_network(name)
    assert (network.parameters, network.context) == (entry["parameters"], entry["context"])
    assert entry["file"] == weights_path(name).name
    assert {"maths", "text", "logic"} < set(entry["priors"])
    assert all(0 <= prior["accuracy"] <= 1 and prior["n"] >= 100 for prior in entry["priors"].values())


def test_all_weights_together_stay_small() -> None:
    assert sum(weights_path(name).stat().st_size for name in NAMES) < 2_000_000
