"""Features of 51,000 images of 32 x 32: `extract_features` on batches against one image at a time.

    python benchmarks/features.py [--images 51000] [--repeats 5] [--dtype uint8]

The second side calls the same functions in a loop over the images, as it would call a user's function. It is measured
on a tenth of the images and scaled up.
"""

import argparse

from _timing import compare, print_table, set_threads


def main():
    """Check that both sides agree, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=51000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dtype", choices=["uint8", "float32", "float64"], default="uint8")
    args = parser.parse_args()
    set_threads(2)
    import numpy as np

    from cs231n.features import color_histogram_hsv, extract_features, hog_feature

    imgs = np.random.default_rng(0).integers(0, 256, (args.images, 32, 32, 3), dtype=np.uint8).astype(args.dtype)
    few = imgs[: args.images // 10]
    fns = [hog_feature, lambda img: color_histogram_hsv(img, nbin=10)]
    one_by_one = lambda: np.stack([np.hstack([fn(img) for fn in fns]) for img in few])  # noqa: E731
    if not np.array_equal(one_by_one(), extract_features(few, fns)):
        raise SystemExit("extract_features and the loop give different features")

    sides = {
        "extract_features": lambda: extract_features(imgs, fns),
        "  HOG only": lambda: extract_features(imgs, fns[:1]),
        "  hue histograms only": lambda: extract_features(imgs, fns[1:]),
        "one image at a time (estimate)": one_by_one,
    }
    seconds = compare(sides, args.repeats)
    scale = len(imgs) / len(few)
    seconds["one image at a time (estimate)"] = [scale * s for s in seconds["one image at a time (estimate)"]]
    print_table(f"features of {args.images:,} images, {args.dtype}", seconds, base="extract_features", unit="s")


if __name__ == "__main__":
    main()
