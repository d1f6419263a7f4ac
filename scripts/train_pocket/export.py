"""Writes trained weights as a GGUF that llama.cpp, Ollama and our own runtime read alike."""

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

from scripts.train_pocket.network import Weights
from scripts.train_pocket.recipe import BOS, CONTEXT, EOS, FIRST_BYTE, VOCABULARY, Recipe

BLOCK = {
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
    "attn_norm": "attn_norm",
    "ffn_norm": "ffn_norm",
}
OUTER = {"embed": "token_embd", "head": "output", "norm": "output_norm"}
SPACE = FIRST_BYTE + 0x20


def write_gguf(recipe: Recipe, weights: Weights, path: Path) -> None:
    """Matrices in f16, norms in f32 as llama.cpp demands."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"pocket-{recipe.name}")
    writer.add_license("MIT")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(recipe.width)
    writer.add_block_count(recipe.layers)
    writer.add_feed_forward_length(recipe.hidden)
    writer.add_head_count(recipe.heads)
    writer.add_head_count_kv(recipe.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(recipe.width // recipe.heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(VOCABULARY)
    writer.add_uint32("pocket.seed", recipe.seed)
    _add_vocabulary(writer)
    for name, target in OUTER.items():
        _add(writer, f"{target}.weight", np.asarray(weights[name]))
    for layer in range(recipe.layers):
        for name, target in BLOCK.items():
            _add(writer, f"blk.{layer}.{target}.weight", np.asarray(weights[name][layer]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add(writer: gguf.GGUFWriter, name: str, tensor: npt.NDArray[np.float32]) -> None:
    writer.add_tensor(name, tensor.astype(np.float32 if tensor.ndim == 1 else np.float16))


def _add_vocabulary(writer: gguf.GGUFWriter) -> None:
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "<pad>"]
    types = [gguf.TokenType.UNKNOWN, *[gguf.TokenType.CONTROL] * 2, *[gguf.TokenType.BYTE] * 256]
    types.append(gguf.TokenType.CONTROL)
    # llama.cpp's tokenizer turns a space into U+2581 before it looks for pieces, so that piece must exist.
    tokens[SPACE], types[SPACE] = "\u2581", gguf.TokenType.NORMAL
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types(types)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(VOCABULARY - 1)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
