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

    from cs231n.graph import Graph
    from cs231n.graph_layers import affine, conv_bn_relu, global_mean, max_pool, softmax_loss

    graph = Graph()
    params = {name: graph.variable(value) for name, value in net.params.items()}
    half_size = {"pool_height": 2, "pool_width": 2, "stride": 2}
    maps, i = X, 0
    for stage in net.stages:
        for num_filters in stage:
            i += 1
            net.bn_params[i - 1]["mode"] = "train"
            W, gamma, beta = (params[f"{name}{i}"] for name in ("W", "gamma", "beta"))
            no_bias = np.zeros(num_filters, W.value.dtype)
            conv_param = {"stride": 1, "pad": 1, "needs_dx": i > 1}
            maps = conv_bn_relu(maps, W, no_bias, gamma, beta, conv_param, net.bn_params[i - 1])
        maps = max_pool(maps, half_size)
    scores = affine(global_mean(maps), params[f"W{i + 1}"], params[f"b{i + 1}"])
    loss = softmax_loss(scores, y)
    value, grads = loss.value, graph.gradients(loss, params)
    for name, weights in net.params.items():  # regularisation is no part of the graph: as `DeepConvNet.loss` adds it
        if name.startswith("W"):
            value += 0.5 * net.reg * np.vdot(weights, weights)
            grads[name] += net.reg * weights
    return value, grads


if __name__ == "__main__":
    main()
