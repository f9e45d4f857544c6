"""Selective search: boxes that may hold a thing, found by joining patches of similar colour, without any training.

The image is cut into small segments first. Then, again and again, the two neighbours that are most alike become one
segment, until the whole image is one. The box of every segment on the way is a proposal: small things are found early,
large ones late.
"""

import numpy as np

from cs231n._errors import require_fitting, require_whole

CELL = 6  # height and width of the cells that segments start from, in pixels
ROUNDS = 3  # of moving the segments to where the colours are
COMPACT = 0.03  # how much a pixel of distance counts beside a difference of colours, which is at most 1
SMALLEST = 6  # height and width of a proposal, in pixels


def similarity(sizes, colours, boxes, sizes_b, colours_b, boxes_b, image_area):
    """Compute how much segments are alike, in colour, in being small, and in fitting into one box.

    The arrays may be of single segments or of many, as long as they can be broadcast against each other.

    Parameters
    ----------
    sizes, sizes_b : ndarray of shape (...)
        Numbers of pixels.
    colours, colours_b : ndarray of shape (..., 3)
        Mean colours, from 0 to 1.
    boxes, boxes_b : ndarray of shape (..., 4)
    image_area : int
        Pixels of the image.

    Returns
    -------
    ndarray of shape (...)
        The larger, the more alike; 0 for two empty segments of one colour.

    Notes
    -----
    Uijlings, van de Sande, Gevers and Smeulders (2013), "Selective search for object recognition", section 3.2, with
    the distance of mean colours in the place of histograms of colour and texture.
    """
    distance = np.abs(colours - colours_b).sum(axis=-1)
    joint = _joint_box(boxes, boxes_b)
    box_area = (joint[..., 2] - joint[..., 0]) * (joint[..., 3] - joint[..., 1])
    both = sizes + sizes_b
    gap = box_area - both  # pixels of the common box that belong to neither
    return -distance - both / image_area - gap / image_area


def merge_segments(sizes, colours, boxes, is_neighbour, image_area):
    """Join the two neighbours that are most alike, again and again, until no two segments are neighbours.

    The new segment takes the index of the first of the two; the second one is gone.

    Parameters
    ----------
    sizes : ndarray of shape (M,)
        The number of pixels of each segment.
    colours : ndarray of shape (M, 3)
        Their mean colours.
    boxes : ndarray of shape (M, 4)
    is_neighbour : boolean ndarray of shape (M, M)
        Which segments touch each other: symmetric, False on the diagonal.
    image_area : int
        For `similarity`.

    Returns
    -------
    ndarray of shape (number of joins, 4)
        The box of each new segment, in the order of the joins; M - 1 of them if the segments hang together.

    Examples
    --------
    >>> sizes, colours = np.array([4, 4, 4]), np.array([[0.9, 0, 0], [0.1, 0, 0], [0.2, 0, 0]])
    >>> boxes = np.array([[0, 0, 2, 2], [2, 0, 4, 2], [4, 0, 6, 2]])
    >>> is_neighbour = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool)
    >>> merge_segments(sizes, colours, boxes, is_neighbour, image_area=12)
    array([[2., 0., 6., 2.],
           [0., 0., 6., 2.]])
    """
    _require_segments(sizes, colours, boxes, is_neighbour)
    sizes, colours, boxes = (np.array(values, dtype=float) for values in (sizes, colours, boxes))  # copies
    is_neighbour = np.array(is_neighbour, dtype=bool)
    ### BEGIN SOLUTION
    rows = sizes[:, np.newaxis], colours[:, np.newaxis], boxes[:, np.newaxis]
    alike = np.where(is_neighbour, similarity(*rows, sizes, colours, boxes, image_area), -np.inf)  # (M, M)
    joined = []
    while is_neighbour.any():
        i, j = np.unravel_index(alike.argmax(), alike.shape)
        colours[i] = (sizes[i] * colours[i] + sizes[j] * colours[j]) / (sizes[i] + sizes[j])
        sizes[i] += sizes[j]
        boxes[i] = _joint_box(boxes[i], boxes[j])
        joined.append(boxes[i].copy())

        neighbours = is_neighbour[i] | is_neighbour[j]
        neighbours[[i, j]] = False
        is_neighbour[i] = is_neighbour[:, i] = neighbours
        is_neighbour[j] = is_neighbour[:, j] = False
        of_new = similarity(sizes[i], colours[i], boxes[i], sizes, colours, boxes, image_area)
        alike[i] = alike[:, i] = np.where(neighbours, of_new, -np.inf)
        alike[j] = alike[:, j] = -np.inf
    proposals = np.array(joined).reshape(-1, 4)
    ### END SOLUTION
    return proposals


def selective_search(image, smallest=SMALLEST):
    """Propose boxes that may hold a thing.

    Parameters
    ----------
    image : uint8 ndarray of shape (H, W, 3)
    smallest : int
        Boxes of a smaller height or width are left out.

    Returns
    -------
    ndarray of shape (R, 4)
        All different, the largest ones first.

    Examples
    --------
    >>> image = np.zeros((24, 24, 3), dtype=np.uint8)
    >>> image[6:17, 9:19] = 255
    >>> [9, 6, 19, 17] in selective_search(image).tolist()
    True
    """
    segments = superpixels(image)
    colours = image.reshape(-1, 3) / 255
    sizes = np.bincount(segments.ravel())
    means = np.stack([np.bincount(segments.ravel(), weights=channel) for channel in colours.T], axis=1)
    boxes = _boxes_of(segments, len(sizes))
    joined = merge_segments(sizes, means / sizes[:, np.newaxis], boxes, _neighbours(segments), segments.size)
    found = np.unique(np.concatenate([boxes, joined]), axis=0)
    sides = found[:, 2:] - found[:, :2]
    is_large = sides.min(axis=1) >= smallest
    order = np.argsort(-sides[is_large].prod(axis=1), kind="stable")
    return found[is_large][order]


def superpixels(image):
    """Cut an image into small segments whose edges follow its colours.

    Segments begin as the cells of a grid. Each pixel then joins, of its own cell's segment and the eight around it, the
    one whose mean colour and centre are nearest; a few rounds of this are enough.

    Parameters
    ----------
    image : uint8 ndarray of shape (H, W, 3)

    Returns
    -------
    integer ndarray of shape (H, W)
        The number of each pixel's segment, from 0 on; each number occurs.

    Notes
    -----
    Achanta et al. (2012), "SLIC superpixels compared to state-of-the-art superpixel methods".
    """
    H, W, _ = image.shape
    require_whole("the height and width of the image", min(H, W), CELL)
    rows, columns = -(-H // CELL), -(-W // CELL)
    y, x = np.mgrid[:H, :W]
    pixels = np.concatenate([image / 255, COMPACT * np.stack([y, x], axis=-1)], axis=-1).reshape(-1, 5)
    dy, dx = (offsets.ravel() for offsets in np.mgrid[-1:2, -1:2])
    near_rows = np.clip((y // CELL).reshape(-1, 1) + dy, 0, rows - 1)  # (H * W, 9)
    near_columns = np.clip((x // CELL).reshape(-1, 1) + dx, 0, columns - 1)
    near = near_rows * columns + near_columns
    segments = near[:, 4]  # the middle one: a pixel's own cell
    centers = np.zeros((rows * columns, 5))
    for _ in range(ROUNDS):
        sizes = np.bincount(segments, minlength=len(centers))
        sums = np.stack([np.bincount(segments, weights=p, minlength=len(centers)) for p in pixels.T], axis=1)
        centers = np.where(sizes[:, np.newaxis] > 0, sums / np.maximum(sizes, 1)[:, np.newaxis], np.inf)
        distances = np.square(pixels[:, np.newaxis] - centers[near]).sum(axis=2)  # (H * W, 9)
        segments = near[np.arange(len(near)), distances.argmin(axis=1)]
    return np.unique(segments, return_inverse=True)[1].reshape(H, W)


def _joint_box(boxes, others):
    """The smallest boxes that hold both."""
    starts, ends = np.minimum(boxes[..., :2], others[..., :2]), np.maximum(boxes[..., 2:], others[..., 2:])
    return np.concatenate([starts, ends], axis=-1)


def _boxes_of(segments, num_segments):
    """The box of each segment (num_segments, 4) in a map of segment numbers (H, W)."""
    y, x = np.indices(segments.shape)
    starts, ends = np.full((num_segments, 2), max(segments.shape)), np.zeros((num_segments, 2), dtype=int)
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    np.minimum.at(starts, segments.ravel(), places)
    np.maximum.at(ends, segments.ravel(), places + 1)
    return np.concatenate([starts, ends], axis=1)


def _neighbours(segments):
    """Which segments touch at the side of a pixel: a boolean matrix, symmetric, False on the diagonal."""
    num_segments = segments.max() + 1
    touch = np.zeros((num_segments, num_segments), dtype=bool)
    touch[segments[:, 1:], segments[:, :-1]] = True
    touch[segments[1:], segments[:-1]] = True
    np.fill_diagonal(touch, False)
    return touch | touch.T


def _require_segments(sizes, colours, boxes, is_neighbour):
    M = len(sizes)
    require_fitting("colours", colours, (M, 3), "the length of sizes")
    require_fitting("boxes", boxes, (M, 4), "the length of sizes")
    require_fitting("is_neighbour", is_neighbour, (M, M), "the length of sizes")
