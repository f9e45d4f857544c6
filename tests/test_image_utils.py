"""Images for networks: the contract of the course, files of every kind, and URLs that cannot be read."""

import io
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from imageio.v3 import imwrite

from cs231n import coco_utils
from cs231n.image_utils import (
    SQUEEZENET_MEAN,
    SQUEEZENET_STD,
    blur_image,
    deprocess_image,
    image_from_url,
    load_image,
    preprocess_image,
)


def image(height, width, *channels):
    return np.random.RandomState(height).randint(256, size=(height, width, *channels)).astype(np.uint8)


def test_preprocess_and_back():
    np.testing.assert_allclose(SQUEEZENET_MEAN, [0.485, 0.456, 0.406])
    np.testing.assert_allclose(SQUEEZENET_STD, [0.229, 0.224, 0.225])
    img = np.array([[[255, 0, 51]]], np.uint8)
    X = preprocess_image(img)
    assert X.dtype == np.float32
    np.testing.assert_allclose(X[0, 0], [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225], rtol=1e-6)
    np.testing.assert_allclose(deprocess_image(preprocess_image(image(5, 7, 3))), image(5, 7, 3), atol=1)


def test_deprocess_clips_or_rescales():
    """Values beyond the range of pixels are cut off; with `rescale` the smallest becomes 0 and the largest 255."""
    X = (np.array([[[-1.0, 0.5, 2.0]]]) - SQUEEZENET_MEAN) / SQUEEZENET_STD
    np.testing.assert_allclose(deprocess_image(X)[0, 0], [0, 127, 255], atol=1)
    np.testing.assert_allclose(deprocess_image(X, rescale=True)[0, 0], [0, 127, 255], atol=1)
    X = (np.array([[[0.2, 0.3, 0.4]]]) - SQUEEZENET_MEAN) / SQUEEZENET_STD
    np.testing.assert_allclose(deprocess_image(X, rescale=True)[0, 0], [0, 127, 255], atol=1)
    flat = (np.full((2, 2, 3), 0.3) - SQUEEZENET_MEAN) / SQUEEZENET_STD
    assert deprocess_image(flat, rescale=True).max() <= 1  # no division by 0


def test_blur_is_the_course_s_kernel():
    """[1 2 1; 2 188 2; 1 2 1] / 200 in each channel, with zeros around the image."""
    X = np.zeros((1, 3, 4, 5))
    X[0, 1, 1, 2] = 200.0
    expected = np.zeros((1, 3, 4, 5))
    expected[0, 1, 0:3, 1:4] = [[1, 2, 1], [2, 188, 2], [1, 2, 1]]
    np.testing.assert_allclose(blur_image(X), expected, atol=1e-12)
    assert blur_image(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_files_of_every_kind_have_three_channels(tmp_path, channels):
    """In grey, in colour, with an alpha channel."""
    imwrite(tmp_path / "image.png", image(6, 9, *channels))
    img = load_image(tmp_path / "image.png")
    assert img.shape == (6, 9, 3) and img.dtype == np.uint8
    if channels == (3,):
        np.testing.assert_array_equal(img, image(6, 9, 3))


@pytest.mark.parametrize(
    "shape, size, expected",
    [((40, 60), 20, (20, 30)), ((60, 40), 20, (30, 20)), ((400, 266), 224, (336, 224)), ((5, 7), 10, (10, 14))],
)
def test_size_is_that_of_the_shorter_side(tmp_path, shape, size, expected):
    imwrite(tmp_path / "image.png", image(*shape, 3))
    img = load_image(tmp_path / "image.png", size=size)
    assert img.shape == (*expected, 3)


def test_resizing_keeps_the_places(tmp_path):
    """Each pixel of a larger image has the colour of the one that it lies in; height and width are not mixed up."""
    img = image(5, 7, 3)
    imwrite(tmp_path / "image.png", img)
    np.testing.assert_array_equal(load_image(tmp_path / "image.png", size=15), img.repeat(3, axis=0).repeat(3, axis=1))


@pytest.fixture
def server():
    """A server on this machine that has one image, and one page that is none."""
    file = io.BytesIO()
    imwrite(file, image(6, 9, 3), extension=".png")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404 if self.path == "/gone" else 200)
            self.end_headers()
            self.wfile.write(file.getvalue() if self.path == "/image.png" else b"no image")

        def log_message(self, *arguments):
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_image_from_url(server):
    np.testing.assert_array_equal(image_from_url(f"{server}/image.png"), image(6, 9, 3))


@pytest.mark.parametrize("page", ["gone", "text"])
def test_a_url_without_an_image_gives_none_and_a_message(server, capsys, page):
    assert image_from_url(f"{server}/{page}") is None
    assert f"{server}/{page} cannot be read: " in capsys.readouterr().out


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/image.jpg", "not a url", "http://no such host/"])
def test_a_url_that_leads_nowhere_gives_none_and_a_message(capsys, url):
    assert image_from_url(url) is None
    assert f"{url} cannot be read: " in capsys.readouterr().out


def test_a_drawn_scene_is_found_by_its_name(monkeypatch):
    """So the course's notebooks, which read the images of a batch by their URLs, show drawn scenes as well."""
    monkeypatch.setattr(coco_utils, "NUM_VAL", 6)
    coco_utils._images.cache_clear()
    expected = coco_utils.caption_scenes("val")["images"]
    np.testing.assert_array_equal(image_from_url("scene:val/4"), expected[4])
    coco_utils._images.cache_clear()
