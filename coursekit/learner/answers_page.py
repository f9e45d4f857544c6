"""A learner's written answers as a page that stands alone, and as a PDF where a browser can print it."""

import html
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from coursekit.learner import notebook_form
from coursekit.learner.environment import is_root
from coursekit.questions import course

_STYLE = """
body { font: 1.05rem/1.55 Georgia, serif; max-width: 44rem; margin: 0 auto; padding: 1rem; }
body { color: #1a1a1a; background: #fff; overflow-wrap: anywhere; }
h1, h2, h3 { font-family: system-ui, sans-serif; line-height: 1.25; }
section { border-top: 1px solid #767676; margin-top: 1.5rem; break-inside: avoid-page; }
blockquote { margin: 0; padding-left: 1rem; border-left: 4px solid #767676; color: #444; }
img { max-width: 100%; } pre, table { overflow-x: auto; display: block; }
pre { background: #f3f3f3; padding: .5rem; white-space: pre-wrap; }
"""
_PAGE = """<!DOCTYPE html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><main>{body}</main></body></html>
"""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "msedge")
_INSTALLED_AT = (  # on systems where programs are not found by name
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    r"C:\Program Files\Microsoft\Edge\Application\msedge.exe",
)


def page(assignment: str, notebooks: dict[str, dict]) -> bytes:
    """The page, as bytes of HTML.

    Parameters
    ----------
    assignment : str
    notebooks : dict
        Each notebook (a dict) by its name.
    """
    render = _renderer()
    parts = [f"<h1>Written answers, {assignment}</h1>"]
    for name, notebook in notebooks.items():
        prompts, given = notebook_form.prompts(notebook), notebook_form.written_answers(notebook)
        if given:
            parts.append(f"<h2>{html.escape(name)}</h2>")
        for key, text in given.items():
            answer = render(text) if text else "<p><em>No answer was given.</em></p>"
            question = f"<blockquote>{render(prompts[key])}</blockquote>"
            parts.append(f'<section aria-label="{html.escape(key)}">{question}\n{answer}</section>')
    return _PAGE.format(lang=course().about.language, title=parts[0][4:-5], style=_STYLE, body="\n".join(parts)).encode(
        "utf-8", errors="replace"
    )


def _renderer() -> Callable:
    """What turns Markdown into HTML; tags in it are shown as text."""
    try:
        import mistune
    except ImportError:  # a learner's own Python may lack it, and a submission must not fail for that
        return lambda text: f"<pre>{html.escape(text)}</pre>"
    markdown = mistune.create_markdown(escape=True, plugins=["table"])

    def render(text: str) -> str:
        try:
            return str(markdown(text))
        except (RecursionError, ValueError, IndexError, KeyError):  # no answer may keep the zip from being written
            return f"<pre>{html.escape(text)}</pre>"

    return render


def print_pdf(path: Path) -> list[str]:
    """Print a page to a PDF next to it; [its name], or [] if no browser could."""
    browser = next(filter(None, [*map(shutil.which, _BROWSERS), *filter(os.path.exists, _INSTALLED_AT)]), None)
    target = path.with_suffix(".pdf")
    target.unlink(missing_ok=True)  # an earlier one would not match the page
    if browser:
        _print(browser, path, target)
    return [target.name] if target.exists() else []


def _print(browser: str, path: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="browser", ignore_cleanup_errors=True) as profile:
        options = ["--headless", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={profile}"]
        if is_root():
            options.append("--no-sandbox")  # without it, Chromium does not run as root
        command = [browser, *options, f"--print-to-pdf={target}", Path(path).as_uri()]
        try:
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            target.unlink(missing_ok=True)
