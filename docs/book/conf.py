"""Sphinx's settings for the book, which `python -m coursekit book` builds."""

import os

repository = os.environ.get("BOOK_REPOSITORY", "")

project = "Neural networks for vision, from scratch"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "coursekit.teacher.book.extension"]
exclude_patterns = ["conf.py"]
templates_path = ["templates"]
default_role = "code"  # the docstrings write `name`
add_module_names = False
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"

autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_math_renderer = "mathml"
html_use_index = False
html_domain_indices = False
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_sidebars = {"**": ["home.html", "search-button-field.html", "sbt-sidebar-nav.html"]}
html_favicon = "favicon.svg"
html_context = {"default_mode": "auto", "repository": repository}
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "footer_content_items": [],
}
