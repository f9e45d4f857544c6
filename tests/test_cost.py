"""The cost of a layer in bytes and calls, which are the same on every machine; seconds are not."""

import sys
import tracemalloc

import numpy as np
import pytest

from cs231n import _aligned, _threads, channels_last, fast_layers
from cs231n._fast import conv_last, convolution, windows
from cs231n._windows import HALF_SIZE, num_positions
from cs231n.classifiers.cnn import DeepConvNet
from cs231n.im2col import grid
from cs231n.optim import nesterov_momentum

SHAPES = [  # x, w, stride, pad
    ((64, 3, 32, 32), (32, 3, 7, 7), 1, 3),
    ((64, 32, 32, 32), (32, 32, 3, 3), 1, 1),
    ((64, 64, 16, 16), (128, 64, 3, 3), 2, 1),
    ((16, 64, 32, 32), (32, 64, 5, 5), 1, 2),
]
W, B = np.ones((4, 4, 3, 3), np.float32), np.ones(4, np.float32)


@pytest.fixture(autouse=True)
def fresh_buffers(monkeypatch):
    """Buffers count too, so each test starts without any."""
    monkeypatch.setattr(_threads, "_own", _threads.threading.local())


def run(x_shape, w_shape, stride, pad):
    """Run a convolution forward and backward; return all inputs and outputs."""
    x, w = np.zeros(x_shape, np.float32), np.zeros(w_shape, np.float32)
    b = np.zeros(len(w), np.float32)
    out, cache = fast_layers.conv_forward_fast(x, w, b, {"stride": stride, "pad": pad})
    return (x, w, b, out, out, *fast_layers.conv_backward_fast(out.copy(), cache))


def peak_bytes(function):
    """Return the peak memory of a call, in bytes, and its result."""
    tracemalloc.start()
    result = function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, result


def count_calls(function):
    """Count the calls of Python and C functions in this thread."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("shape", SHAPES)
def test_memory_of_a_convolution(shape):
    """At most inputs, outputs, gradients and 64 MB: never the matrix of all windows."""
    peak, arrays = peak_bytes(lambda: run(*shape))
    assert peak <= sum(array.nbytes for array in arrays) + 64 * 2**20


@pytest.mark.parametrize("height, stride", [(1, 1), (3, 1), (3, 2), (2, 3), (5, 5)])
def test_rows_are_copied_once_for_all_rows_of_a_filter(height, stride):
    x, width = np.random.randn(2, 3, 11, 7), 2
    H_out, W_out = num_positions(11, height, stride), num_positions(7, width, stride)
    rows = windows._rows(x, width, stride, (0, 0), x.dtype)
    for i, view in enumerate(windows._views(rows, height, stride, H_out)):
        assert np.shares_memory(view, rows)
        for j in range(width):
            expected = x[grid(i, j, (H_out, W_out), stride)].reshape(2, 3, -1)
            np.testing.assert_array_equal(view[:, 3 * j : 3 * (j + 1)], expected)


def test_filters_of_1_x_1_need_no_copy_of_the_images():
    x = np.random.randn(2, 3, 16, 9)
    [window] = windows.windows_by_row(x, (1, 1), 1, (0, 0), x.dtype)
    assert np.shares_memory(window, x)


def test_memory_does_not_grow_with_the_batch():
    """Apart from inputs and outputs, 128 images need as much as 32."""
    extra = []
    for N in (32, 128):
        peak, arrays = peak_bytes(lambda N=N: run((N, 16, 32, 32), (16, 16, 3, 3), 1, 1))
        extra.append(peak - sum(array.nbytes for array in arrays))
    assert extra[1] < extra[0] + 2**20


@pytest.mark.parametrize("shape", SHAPES)
def test_calls_of_a_convolution(shape, monkeypatch):
    """A call costs about a microsecond: a few dozen for each piece, not one for each position or filter."""
    monkeypatch.setattr(_threads, "_workers", _threads.Workers)  # count in this thread
    x_shape, w_shape, *_ = shape
    pieces = len(convolution._pieces(np.zeros(x_shape, np.float32), np.zeros(w_shape, np.float32)))
    run(*shape)
    assert count_calls(lambda: run(*shape)) < 400 + 260 * 2 * pieces


def test_calls_of_a_training_step_do_not_grow_with_the_batch(monkeypatch):
    monkeypatch.setattr(_threads, "_workers", _threads.Workers)
    for module, limit in ((conv_last, "COLUMNS"), (channels_last, "PIECE")):
        monkeypatch.setattr(module, limit, 1 << 30)
    net = DeepConvNet(stages=[(4,), (8,)], input_dim=(3, 8, 8))
    counts = []
    for N in (channels_last.SLICES, 64):
        X, y = np.zeros((N, 3, 8, 8), np.float32), np.zeros(N, int)
        net.loss(X, y)
        counts.append(count_calls(lambda X=X, y=y: net.loss(X, y)))
    assert counts[1] <= counts[0] + 20


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (7, 3, 5), (1000, 33)])
def test_arrays_begin_at_a_line_of_the_cache(shape, dtype):
    for _ in range(5):
        array = _aligned.empty(shape, dtype)
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.flags.c_contiguous and array.flags.writeable
        assert array.ctypes.data % _aligned.LINE == 0 or array.size == 0


@pytest.mark.parametrize(
    "forward, backward, settings",
    [
        (fast_layers.conv_forward_fast, fast_layers.conv_backward_fast, [W, B, {"stride": 1, "pad": 1}]),
        (fast_layers.max_pool_forward_fast, fast_layers.max_pool_backward_fast, [HALF_SIZE]),
        (fast_layers.relu_forward_fast, fast_layers.relu_backward_fast, []),
        (fast_layers.batchnorm_relu_forward_fast, fast_layers.batchnorm_relu_backward_fast, [B, B, {"mode": "train"}]),
        (channels_last.conv_forward, channels_last.conv_backward, [W]),
        (channels_last.norm_relu_pool_forward, channels_last.norm_relu_pool_backward, [None, B, {"mode": "train"}]),
    ],
)
def test_what_fast_layers_write_begins_at_a_line_of_the_cache(forward, backward, settings):
    out, cache = forward(np.ones((5, 4, 4, 4), np.float32), *settings)
    gradients = backward(out, cache)
    dx = gradients[0] if isinstance(gradients, tuple) else gradients
    buffer = _threads.buffer("aligned", (5, 3), np.float32)
    assert [array.ctypes.data % _aligned.LINE for array in (out, dx, buffer)] == [0, 0, 0]


def test_an_update_allocates_a_few_times_the_weights():
    w = np.zeros((1000, 1000), np.float32)
    config = {"learning_rate": 0.1, "velocity": w.copy()}
    peak, _ = peak_bytes(lambda: nesterov_momentum(w, w, config))
    assert peak <= 5 * w.nbytes
