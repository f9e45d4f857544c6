"""k nearest neighbours, 500 queries among 5,000 images of 3,072 values, k = 10, against other libraries.

    python benchmarks/knn.py [--threads 2] [--repeats 15] [--dtype float32]

Libraries that are not installed are skipped. All sides predict labels, which must agree.
"""

import argparse

from _timing import compare, print_table, set_threads

QUERIES, IMAGES, D, K, CLASSES = 500, 5000, 3072, 10, 10


def main():
    """Measure, check that the labels agree, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    args = parser.parse_args()
    set_threads(args.threads)

    data = make_data(args.dtype)
    sides = {}
    for make in (ours, faiss_flat, scikit_learn, torch_topk):
        try:
            sides.update(make(*data, args.threads))
        except ImportError as error:
            print(f"skipped: {error}")
    check_labels({name: run() for name, run in sides.items()})
    title = f"kNN, {QUERIES} x {IMAGES:,} x {D:,}, k = {K}, {args.dtype}, threads: {args.threads}"
    print_table(title, compare(sides, args.repeats), base="cs231n")
    print_table("of this", compare(parts_of_ours(*data), args.repeats), base="compute_distances_no_loops")


def make_data(dtype):
    """Noise around ten class means, so that not all votes are ties."""
    import numpy as np

    rng = np.random.default_rng(0)
    means = rng.integers(64, 192, (CLASSES, D))
    y, y_query = rng.integers(0, CLASSES, IMAGES), rng.integers(0, CLASSES, QUERIES)
    draw = lambda labels: (means[labels] + rng.normal(0, 60, (len(labels), D))).clip(0, 255).astype(dtype)  # noqa: E731
    return draw(y), y, draw(y_query)


def ours(X, y, queries, threads):
    """The course's class."""
    from cs231n.classifiers.k_nearest_neighbor import KNearestNeighbor

    knn = KNearestNeighbor()
    knn.train(X, y)
    return {"cs231n": lambda: knn.predict(queries, k=K)}


def faiss_flat(X, y, queries, threads):
    """An exact faiss index (always float32), its neighbours' labels counted with NumPy."""
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatL2(D)
    index.add(X.astype("float32"))
    queries = queries.astype("float32")
    return {"faiss IndexFlatL2": lambda: majority(y[index.search(queries, K)[1]])}


def scikit_learn(X, y, queries, threads):
    """scikit-learn, brute force, as many jobs as threads (OpenMP and BLAS obey the environment)."""
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(n_neighbors=K, algorithm="brute", n_jobs=threads).fit(X, y)
    return {"scikit-learn brute": lambda: model.predict(queries)}


def torch_topk(X, y, queries, threads):
    """PyTorch, cdist and topk."""
    import torch

    torch.set_num_threads(threads)
    data, query = torch.from_numpy(X), torch.from_numpy(queries)
    nearest = lambda: torch.topk(torch.cdist(query, data), K, largest=False).indices  # noqa: E731
    return {"PyTorch cdist + topk": lambda: majority(y[nearest().numpy()])}


def majority(labels):
    """The most frequent label in each row of (M, k); the smallest wins a tie."""
    import numpy as np

    rows = np.arange(len(labels))[:, None] * CLASSES
    return np.bincount((rows + labels).ravel(), minlength=len(labels) * CLASSES).reshape(-1, CLASSES).argmax(axis=1)


def parts_of_ours(X, y, queries):
    """Where the time of cs231n goes, next to the bare matrix product that every exact method needs."""
    from cs231n.classifiers.k_nearest_neighbor import KNearestNeighbor

    knn = KNearestNeighbor()
    knn.train(X, y)
    dists = knn.compute_distances_no_loops(queries)
    return {
        "the matrix product only": lambda: queries @ X.T,
        "compute_distances_no_loops": lambda: knn.compute_distances_no_loops(queries),
        "predict_labels": lambda: knn.predict_labels(dists, k=K),
    }


def check_labels(labels):
    """All sides must predict the same labels, up to a few: neighbours at nearly the same distance may swap."""
    for name, found in labels.items():
        agree = (found == labels["cs231n"]).mean()
        if agree < 0.99:
            raise SystemExit(f"{name} agrees with cs231n on only {agree:.1%} of the labels")


if __name__ == "__main__":
    main()
