"""The published checks of the course's Transformer: inputs and weights as PyTorch draws them from seed 231.

The order in which layers are made decides what each weight is; here it is the published one. To write
`tests/data/transformer.npz` again: ``python -m tests.published_transformer``.
"""

import copy
from math import erf
from pathlib import Path
from unittest.mock import patch

import numpy as np

from cs231n import transformer_layers

FILE = Path(__file__).parent / "data" / "transformer.npz"


def gelu_in_place_of_relu():
    """The course's blocks have had GELU since 2025; of a forward pass alone, the cache does not matter."""
    gelu = np.vectorize(lambda x: 0.5 * x * (1 + erf(x / 2**0.5)))
    return patch.object(transformer_layers, "relu_forward", lambda x: (gelu(x), None))


def _array(tensor):
    return tensor.detach().numpy().astype(np.float64)


def _linear(layer):
    return _array(layer.weight).T, _array(layer.bias)


def _attention(torch, E):
    names = ("key", "query", "value", "proj")  # in the order in which they are made
    return torch.nn.ModuleDict({name: torch.nn.Linear(E, E) for name in names})


def _attention_weights(attention):
    arrays = [array for name in ("query", "key", "value", "proj") for array in _linear(attention[name])]
    return dict(zip(transformer_layers.ATTENTION_PARAMS, arrays, strict=True))


def _block(torch, E, K):
    nn = torch.nn
    parts = {"self": _attention(torch, E), "cross": _attention(torch, E)}
    parts |= {"1": nn.Linear(E, K), "2": nn.Linear(K, E)}
    return nn.ModuleDict(parts | {f"norm{i}": nn.LayerNorm(E) for i in (1, 2, 3)})


def _block_weights(block):
    params = {f"{part}_{n}": w for part in ("self", "cross") for n, w in _attention_weights(block[part]).items()}
    for i in ("1", "2"):
        params[f"W{i}"], params[f"b{i}"] = _linear(block[i])
    for i in (1, 2, 3):
        norm = block[f"norm{i}"]
        params |= {f"norm{i}_gamma": _array(norm.weight), f"norm{i}_beta": _array(norm.bias)}
    return params


def draw_attention(torch):
    """Inputs and weights of attention with two heads."""
    torch.manual_seed(231)
    weights = _attention_weights(_attention(torch, 8))
    data, mask, other = torch.randn(1, 3, 8), torch.randn(3, 3) < 0.5, torch.randn(1, 3, 8)
    return {"data": _array(data), "mask": mask.numpy(), "other": _array(other)} | weights


def draw_block(torch):
    """Inputs and weights of a block."""
    torch.manual_seed(231)
    weights = _block_weights(_block(torch, 12, 48))
    x, memory, mask = torch.randn(1, 4, 12), torch.randn(1, 5, 12), torch.randn(4, 4) < 0.5
    return {"x": _array(x), "memory": _array(memory), "mask": mask.numpy()} | weights


def draw_net(torch):
    """Features, words and params of a net of two blocks."""
    nn = torch.nn
    torch.manual_seed(231)
    projection, embedding, block = nn.Linear(20, 30), nn.Embedding(3, 30, padding_idx=0), _block(torch, 30, 2048)
    net = nn.ModuleList([projection, embedding, nn.ModuleList(copy.deepcopy(block) for _ in range(2))])
    for module in net.modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
    output = nn.Linear(30, 3)
    features, words = torch.randn(4, 20), torch.randint(0, 3, (4, 3))
    params = {"places": np.zeros((1, 30)), "W_embed": _array(embedding.weight)}
    params["W_proj"], params["b_proj"] = _linear(projection)
    params["W_vocab"], params["b_vocab"] = _linear(output)
    for i, own in enumerate(net[2], 1):
        params |= {f"block{i}_{name}": value for name, value in _block_weights(own).items()}
    return _array(features), words.numpy(), params


def stored(part):
    """What `draw_attention` or `draw_block` gave, from the file: for "attention" or "block"."""
    with np.load(FILE) as arrays:
        return {name.removeprefix(f"{part}/"): arrays[name] for name in arrays.files if name.startswith(f"{part}/")}


def drawn_to_store(torch):
    """All that the file holds, drawn now; float32 as PyTorch's numbers are."""
    drawn = {"attention": draw_attention(torch), "block": draw_block(torch)}
    return {
        f"{part}/{name}": value if value.dtype == bool else value.astype(np.float32)
        for part, arrays in drawn.items()
        for name, value in arrays.items()
    }


if __name__ == "__main__":
    import torch

    np.savez_compressed(FILE, **drawn_to_store(torch))
