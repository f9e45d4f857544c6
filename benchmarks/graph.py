"""A training step of DeepConvNet through `cs231n.graph`, against its written-out backward pass.

    python benchmarks/graph.py [--rounds 30] [--batch 64] [--threads 1]

Both sides call the same layers on the same batch; what differs is who walks back. Processor time is measured, so that
other programs matter little.
"""

import argparse
import time
from statistics import median

from _timing import compare, print_table, set_threads


def main():
    """Check that both sides agree, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--batch", type=int, default=64, help="images in a batch")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    set_threads(args.threads)
    import numpy as np

    from coursekit.learner.recipes.images import REG, STAGES
    from cs231n.classifiers.cnn import DeepConvNet

    np.random.seed(0)
    net = DeepConvNet(STAGES, reg=REG)
    X = np.random.randn(args.batch, 3, 32, 32).astype(np.float32)
    y = np.random.randint(10, size=args.batch)
    expected, actual = net.loss(X, y), loss_on_graph(net, X, y)
    if not np.isclose(actual[0], expected[0]) or actual[1].keys() != expected[1].keys():
        raise SystemExit("the two sides compute different losses, or gradients of different parameters")
    for name, gradient in expected[1].items():
        if np.abs(actual[1][name] - gradient).max() > 1e-4 * np.abs(gradient).max():
            raise SystemExit(f"the two sides compute different gradients of {name}")

    written_out, graph = "written-out backward pass", "graph"
    sides = {written_out: lambda: net.loss(X, y), graph: lambda: loss_on_graph(net, X, y)}
    seconds = compare(sides, args.rounds, clock=time.process_time)
    title = f"Loss and gradients of DeepConvNet, {args.batch} images, processor time, threads: {args.threads}"
    print_table(title, seconds, base=written_out)
    ratios = [b / a for a, b in zip(seconds[written_out], seconds[graph], strict=True)]
    print(f"median of the ratios of the {len(ratios)} rounds: {median(ratios):.3f}")


def loss_on_graph(net, X, y):
    """The loss and the gradients of a `DeepConvNet`, from its forward pass alone."""
    import numpy as np

    from cs231n import channels_last
    from cs231n.graph import Graph, layer
    from cs231n.graph_layers import affine, softmax_loss

    def conv_backward(dout, cache):
        return channels_last.conv_backward(dout, cache, needs_dx=cache[0].x.base is not X)

    conv = layer(channels_last.conv_forward, conv_backward)
    norm_relu_conv = layer(channels_last.norm_act_conv_forward, channels_last.norm_act_conv_backward)
    norm_relu_pool = layer(channels_last.norm_relu_pool_forward, channels_last.norm_relu_pool_backward)
    graph = Graph()
    params = {name: graph.variable(value) for name, value in net.params.items()}

    def norm(i):
        return params[f"gamma{i}"], params[f"beta{i}"]

    maps, i = X.transpose(0, 2, 3, 1), 0
    for stage in net.stages:
        for position in range(len(stage)):
            W = params[f"W{i + 1}"]
            maps = conv(maps, W) if position == 0 else norm_relu_conv(maps, *norm(i), W, net.bn_params[i - 1], "relu")
            i += 1
        maps = norm_relu_pool(maps, *norm(i), net.bn_params[i - 1])
    means = layer(
        lambda maps: (maps.mean(axis=(1, 2)), maps.shape),
        lambda dout, shape: np.broadcast_to(dout[:, np.newaxis, np.newaxis] / (shape[1] * shape[2]), shape),
    )
    scores = affine(means(maps), params[f"W{i + 1}"], params[f"b{i + 1}"])
    loss = softmax_loss(scores, y)
    value, grads = loss.value, graph.gradients(loss, params)
    for name, weights in net.params.items():  # regularisation is no part of the graph: as `DeepConvNet.loss` adds it
        if name.startswith("W"):
            value += 0.5 * net.reg * np.vdot(weights, weights)
            grads[name] += net.reg * weights
    return value, grads


if __name__ == "__main__":
    main()
