"""What `layers.py` measures: each case as (name, operations, bytes, our call, PyTorch's call).

Operations and bytes are the floating-point operations and the bytes read and written that every implementation with
matrix products and passes over memory needs at least: they give the bound.
"""

import time
from math import log

import numpy as np
import torch
from torch.nn import functional

from coursekit.learner.recipes.images import STAGES
from cs231n import _threads, fast_layers, layers, optim
from cs231n.classifiers.cnn import DeepConvNet, ThreeLayerConvNet
from cs231n.classifiers.fc_net import FullyConnectedNet
from cs231n.classifiers.k_nearest_neighbor import KNearestNeighbor
from cs231n.classifiers.record_net import RecordNet
from cs231n.im2col import get_im2col_indices


def gemm_rates(size=2000, repeats=7):
    """Floating-point operations per second of a matrix product, the most that NumPy can do here."""
    rates = {}
    for dtype in ("float32", "float64"):
        a = np.random.rand(size, size).astype(dtype)
        best = min(_seconds(lambda a=a: a @ a) for _ in range(repeats))
        rates[dtype] = 2 * size**3 / best
    return rates


def copy_rate(size=1 << 21, repeats=20):
    """Bytes read and written per second when copying arrays as large as those of the layers, on all threads."""
    pairs = [(np.ones(size, np.float32), np.empty(size, np.float32)) for _ in range(_threads.count())]

    def copy():
        _threads.for_each(lambda pair: np.copyto(pair[1], pair[0]), pairs)

    copy()
    return len(pairs) * 2 * pairs[0][0].nbytes / min(_seconds(copy) for _ in range(repeats))


def _seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def layer_cases(dtype, convolutions, batch):
    """Forward and backward of each layer on the same inputs."""
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.standard_normal(shape).astype(dtype)

    for N, C, H, F, HH, stride, pad in convolutions:
        N = min(N, batch)
        inputs, conv_param = (draw(N, C, H, H), draw(F, C, HH, HH), draw(F)), {"stride": stride, "pad": pad}
        H_out = (H + 2 * pad - HH) // stride + 1
        yield _both(
            f"conv {N}x{C}x{H}x{H}, {F} of {HH}x{HH}, stride {stride}",
            3 * 2 * N * F * C * HH * HH * H_out * H_out,
            inputs,
            lambda x, w, b, p=conv_param: fast_layers.conv_forward_fast(x, w, b, p),
            fast_layers.conv_backward_fast,
            lambda x, w, b, p=conv_param: functional.conv2d(x, w, b, stride=p["stride"], padding=p["pad"]),
        )
    for size, stride in ((2, 2), (3, 2)):
        pool_param = {"pool_height": size, "pool_width": size, "stride": stride}
        yield _both(
            f"max pool {batch}x64x32x32, {size}x{size}, stride {stride}",
            0,
            (draw(batch, 64, 32, 32),),
            lambda x, p=pool_param: fast_layers.max_pool_forward_fast(x, p),
            fast_layers.max_pool_backward_fast,
            lambda x, size=size, stride=stride: functional.max_pool2d(x, size, stride),
        )
    yield _both(
        f"conv, ReLU, pool {batch}x3x32x32, 32 of 7x7",
        3 * 2 * batch * 32 * 3 * 49 * 1024,
        (draw(batch, 3, 32, 32), draw(32, 3, 7, 7), draw(32)),
        lambda x, w, b: fast_layers.conv_relu_pool_forward_fast(x, w, b, {"stride": 1, "pad": 3}, _HALF),
        fast_layers.conv_relu_pool_backward_fast,
        lambda x, w, b: functional.max_pool2d(functional.conv2d(x, w, b, padding=3).relu(), 2),
    )
    yield _both(
        f"batch norm, ReLU {batch}x64x16x16",
        0,
        (draw(batch, 64, 16, 16), draw(64), draw(64)),
        lambda x, g, b: fast_layers.batchnorm_relu_forward_fast(x, g, b, {"mode": "train"}),
        fast_layers.batchnorm_relu_backward_fast,
        lambda x, g, b: functional.batch_norm(x, None, None, g, b, training=True).relu(),
    )
    yield _both(
        f"batch norm {batch}x500",
        0,
        (draw(batch, 500), draw(500), draw(500)),
        lambda x, g, b: layers.batchnorm_forward(x, g, b, {"mode": "train"}),
        layers.batchnorm_backward_alt,
        lambda x, g, b: functional.batch_norm(x, None, None, g, b, training=True),
    )
    yield _both(
        f"layer norm {batch}x500",
        0,
        (draw(batch, 500), draw(500), draw(500)),
        lambda x, g, b: layers.layernorm_forward(x, g, b, {}),
        layers.layernorm_backward,
        lambda x, g, b: functional.layer_norm(x, (500,), g, b),
    )
    yield _both(
        f"affine {batch}x3072, 500",
        3 * 2 * batch * 3072 * 500,
        (draw(batch, 3, 32, 32), draw(3072, 500), draw(500)),
        layers.affine_forward,
        layers.affine_backward,
        lambda x, w, b: functional.linear(x.flatten(1), w.T, b),
    )
    yield _both(
        f"ReLU {batch}x32x32x32",
        0,
        (draw(batch, 32, 32, 32),),
        fast_layers.relu_forward_fast,
        fast_layers.relu_backward_fast,
        functional.relu,
    )
    yield _both(
        f"dropout {batch}x4096",
        0,
        (draw(batch, 4096),),
        lambda x: layers.dropout_forward(x, {"mode": "train", "p": 0.5}),
        layers.dropout_backward,
        lambda x: functional.dropout(x, 0.5),
    )
    scores, y = draw(500, 10), rng.integers(10, size=500)
    scores_tensor, y_tensor = torch.from_numpy(scores).requires_grad_(), torch.from_numpy(y)

    def loss_of_torch():
        scores_tensor.grad = None
        functional.cross_entropy(scores_tensor, y_tensor).backward()

    yield "softmax loss 500x10", 0, 2 * scores.nbytes, lambda: layers.softmax_loss(scores, y), loss_of_torch


_HALF = {"pool_height": 2, "pool_width": 2, "stride": 2}


def _both(name, flops, inputs, forward, backward, twin):
    out, _ = forward(*inputs)
    dout = np.random.default_rng(1).standard_normal(out.shape).astype(out.dtype)
    tensors, dout_tensor = [torch.from_numpy(x).requires_grad_() for x in inputs], torch.from_numpy(dout)

    def ours():
        _, cache = forward(*inputs)
        backward(dout, cache)

    def theirs():
        for tensor in tensors:
            tensor.grad = None
        twin(*tensors).backward(dout_tensor)

    # Forward: read the inputs, write out. Backward: read dout and the inputs again, write their gradients.
    nbytes = 3 * sum(array.nbytes for array in inputs) + 2 * out.nbytes
    return name, flops, nbytes, ours, theirs


# ---- the usual way in NumPy


def usual_way(convolutions, batch):
    """Convolutions as they are usually written in NumPy: columns gathered by index, gradients added by np.add.at."""
    rng = np.random.default_rng(0)
    for N, C, H, F, HH, stride, pad in convolutions:
        x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((min(N, batch), C, H, H), (F, C, HH, HH), (F,)))
        conv_param = {"stride": stride, "pad": pad}

        def ours(x=x, w=w, b=b, p=conv_param):
            out, cache = fast_layers.conv_forward_fast(x, w, b, p)
            fast_layers.conv_backward_fast(out, cache)

        name = f"conv {len(x)}x{C}x{H}x{H}, {F} of {HH}x{HH}, stride {stride}"
        yield name, 0, 0, ours, lambda x=x, w=w, b=b, p=conv_param: _by_indices(x, w, b, **p)


def _by_indices(x, w, b, stride, pad):
    """Forward and backward, the gradient of out being out."""
    F, _, HH, WW = w.shape
    k, i, j = get_im2col_indices(x.shape, HH, WW, pad, stride)
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    columns = padded[:, k, i, j].transpose(1, 2, 0).reshape(len(k), -1)
    out = w.reshape(F, -1) @ columns + b[:, np.newaxis]
    dw = (out @ columns.T).reshape(w.shape)
    dcolumns = (w.reshape(F, -1).T @ out).reshape(len(k), -1, len(x)).transpose(2, 0, 1)
    dpadded = np.zeros_like(padded)
    np.add.at(dpadded, (slice(None), k, i, j), dcolumns)
    return dpadded, dw, out.sum(axis=1)


# ---- training steps: loss, gradients, update


def steps(batch):
    """One step of each network, and kNN."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((batch, 3, 32, 32)).astype(np.float32), rng.integers(10, size=batch)
    three = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 7, padding=3),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(8192, 500),
        torch.nn.ReLU(),
        torch.nn.Linear(500, 10),
    )
    flops = batch * 2 * (2 * 32 * 3 * 49 * 1024 + 3 * 8192 * 500)
    yield (
        f"step: ThreeLayerConvNet, batch {batch}, Adam",
        flops,
        0,
        _our_step(ThreeLayerConvNet(hidden_dim=500, reg=1e-3), X, y, optim.adam),
        _their_step(three, X, y, torch.optim.Adam(three.parameters(), lr=1e-3, weight_decay=1e-3)),
    )
    sizes = [3072, *[100] * 5]
    hidden = [
        layer for a, b in zip(sizes[:-1], sizes[1:], strict=True) for layer in (torch.nn.Linear(a, b), torch.nn.ReLU())
    ]
    full = torch.nn.Sequential(torch.nn.Flatten(), *hidden, torch.nn.Linear(100, 10))
    yield (
        f"step: FullyConnectedNet([100] * 5), batch {batch}, Adam",
        batch * 6 * (3072 * 100 + 4 * 100 * 100 + 1000),
        0,
        _our_step(FullyConnectedNet([100] * 5, reg=1e-3, weight_scale=5e-2), X, y, optim.adam),
        _their_step(full, X, y, torch.optim.Adam(full.parameters(), lr=1e-3, weight_decay=1e-3)),
    )
    deep = torch.nn.Sequential(*_deep_layers())
    yield (
        f"step: DeepConvNet, batch {batch}, momentum",
        batch * 6 * sum(_deep_products()),
        0,
        _our_step(DeepConvNet(STAGES, reg=5e-4), X, y, optim.nesterov_momentum),
        _their_step(
            deep,
            X,
            y,
            torch.optim.SGD(deep.parameters(), lr=1e-2, momentum=0.9, nesterov=True, weight_decay=5e-4),
        ),
    )
    yield record_step(5 * batch)
    images, queries = (rng.standard_normal((n, 3072)).astype(np.float32) for n in (5000, 500))
    knn = KNearestNeighbor()
    knn.train(images, rng.integers(10, size=5000))
    tensors = torch.from_numpy(images), torch.from_numpy(queries)
    yield (
        "kNN: distances of 500 to 5,000",
        2 * 500 * 5000 * 3072,
        0,
        lambda: knn.compute_distances_no_loops(queries),
        lambda: torch.cdist(tensors[1], tensors[0]),
    )


def record_step(batch, widths=(64, 256, 256)):
    """One step of the net of the record recipe, with all its gradients; Nesterov momentum on both sides."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((batch, 3, 32, 32)).astype(np.float32), rng.integers(10, size=batch)
    net = RecordNet(widths)
    net.fit(X)
    twin = torch.nn.Sequential(*_record_layers(net))
    trained = [w for w in twin.parameters() if w.requires_grad]
    return (
        f"step: RecordNet, batch {batch}, momentum",
        batch * 6 * sum(_record_products(net)),
        0,
        _our_step(net, X, y, optim.nesterov_momentum),
        _their_step(twin, X, y, torch.optim.SGD(trained, lr=1e-3, momentum=0.9, nesterov=True), label_smoothing=0.2),
    )


def _record_layers(net):
    """The same layers in PyTorch, in float32; the filters of the whitening are fixed."""
    whitening = torch.nn.Conv2d(3, 24, 2)
    whitening.weight.requires_grad_(False)
    yield from (whitening, _gelu())
    for i in range(1, net.num_convs + 1):
        F, C = net.params[f"W{i}"].shape[:2]
        yield torch.nn.Conv2d(C, F, 3, padding=1, bias=False)
        if i % 2:
            yield torch.nn.MaxPool2d(2)
        norm = torch.nn.BatchNorm2d(F, eps=1e-12, momentum=0.4)
        norm.weight.requires_grad_(False)
        yield from (norm, _gelu())
    yield from (torch.nn.AdaptiveMaxPool2d(1), torch.nn.Flatten(), torch.nn.Linear(F, 10, bias=False))


def _gelu():
    return torch.nn.GELU(approximate="tanh")


def _record_products(net):
    """The multiplications of each convolution that are needed for one image, without what pooling leaves over."""
    yield 24 * 12 * 31 * 31
    size = 31
    for i in range(1, net.num_convs + 1):
        size -= size % 2 if i % 2 else 0
        yield net.params[f"W{i}"].size * size * size
        size //= 2 if i % 2 else 1


def _deep_layers():
    channels = 3
    for stage in STAGES:
        for filters in stage:
            yield torch.nn.Conv2d(channels, filters, 3, padding=1, bias=False)
            yield torch.nn.BatchNorm2d(filters)
            yield torch.nn.ReLU()
            channels = filters
        yield torch.nn.MaxPool2d(2)
    yield from (torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(channels, 10))


def _our_step(net, X, y, rule):
    configs = {name: {"learning_rate": 1e-3} for name in net.params}

    def step():
        _, grads = net.loss(X, y)
        for name, w in net.params.items():
            net.params[name], configs[name] = optim.in_blocks(rule, w, grads[name], configs[name])

    return step


def _their_step(net, X, y, optimizer, **options):
    X, y = torch.from_numpy(X), torch.from_numpy(y)

    def step():
        optimizer.zero_grad()
        functional.cross_entropy(net(X), y, **options).backward()
        optimizer.step()

    return step


def _deep_products():
    """The multiplications of each convolution, for one image."""
    channels, size = 3, 32
    for stage in STAGES:
        for filters in stage:
            yield filters * channels * 3 * 3 * size * size
            channels = filters
        size //= 2


# ---- growth


def growth(measure, small):
    """The exponents with which the time of a convolution, forward and backward, grows with its sizes."""
    base = {"N": 4, "C": 8, "H": 8} if small else {"N": 16, "C": 32, "H": 16}
    exponents = {}
    for name, what in (("N", "batch size"), ("C", "channels in and out"), ("H", "height and width")):
        times = []
        for factor in (1, 2, 4):
            sizes = base | {name: factor * base[name]}
            times.append(min(measure(_convolution(**sizes))))
        exponents[what] = log(times[-1] / times[0]) / log(4)
    return exponents


def _convolution(N, C, H):
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((N, C, H, H), (C, C, 3, 3)))
    b, conv_param = np.zeros(C, np.float32), {"stride": 1, "pad": 1}

    def run():
        out, cache = fast_layers.conv_forward_fast(x, w, b, conv_param)
        fast_layers.conv_backward_fast(out, cache)

    return run
