"""Detections on images: what is drawn, and a film of several frames."""

import imageio.v3 as imageio
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgba

from cs231n.detection_figures import draw_boxes, draw_detections, figure_pixels, film, with_masks

FOUND = {
    "boxes": np.array([[1.0, 2, 8, 9], [3, 3, 6, 6]]),
    "labels": np.array([1, 0]),
    "scores": np.array([0.9, 0.1]),
    "masks": np.zeros((2, 12, 10), dtype=bool),
}


def test_unlikely_detections_are_left_out():
    fig, ax = plt.subplots()
    draw_detections(ax, np.zeros((12, 10, 3), np.uint8), FOUND, ("star", "fish"))
    assert [text.get_text() for text in ax.texts] == ["fish 0.90"]
    draw_detections(ax, np.zeros((12, 10, 3), np.uint8), FOUND | {"scores": np.ones(2)}, ("star", "fish"))
    assert len(ax.lines) == 3
    plt.close(fig)


def test_detections_are_told_apart_without_their_colours():
    """Each box has a line style, and its label is framed in the same colour and style."""
    fig, ax = plt.subplots()
    draw_detections(ax, np.zeros((12, 10, 3), np.uint8), FOUND | {"scores": np.ones(2)}, ("star", "fish"))
    styles = [line.get_linestyle() for line in ax.lines]
    assert len(set(styles)) == 2
    assert [text.get_bbox_patch().get_linestyle() for text in ax.texts] == styles
    edges = [text.get_bbox_patch().get_edgecolor() for text in ax.texts]
    assert edges == [to_rgba(line.get_color()) for line in ax.lines]
    plt.close(fig)


def test_boxes_may_have_a_text_each():
    """The frame of a box lies around its pixels, which are at whole numbers."""
    fig, ax = plt.subplots()
    draw_boxes(ax, FOUND["boxes"], ["fish"])
    assert [patch.get_bbox().extents.tolist() for patch in ax.patches] == [[0.5, 1.5, 7.5, 8.5], [2.5, 2.5, 5.5, 5.5]]
    assert [text.get_text() for text in ax.texts] == ["fish"]
    plt.close(fig)


def test_masks_tint_their_pixels_alone():
    image, masks = np.full((4, 5, 3), 100, np.uint8), np.zeros((1, 4, 5), dtype=bool)
    masks[0, 1, 2] = True
    changed = np.argwhere((with_masks(image, masks) != image).any(axis=2))
    assert changed.tolist() == [[1, 2]]


def test_a_film_has_all_its_frames():
    fig, ax = plt.subplots(figsize=(1, 1), dpi=40)
    frames = []
    for x in range(3):
        ax.plot([0, x], [x, 1])
        frames.append(figure_pixels(fig))
    plt.close(fig)
    shown = film(frames, alt="Two lines that open like scissors.")
    assert imageio.imread(shown.data, index=None, extension=".gif").shape == (3, 40, 40, 3)
    assert shown._repr_mimebundle_()[1] == {"image/gif": {"alt": "Two lines that open like scissors."}}
