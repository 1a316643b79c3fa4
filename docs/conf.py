"""How Sphinx builds the site: the Markdown of this repository as it lies, and pages generated from the code.

The source folder is the repository, so that every link between files works on a repository's page and in the site.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import rectifiers  # noqa: E402

project = "rectifiers"
author = "The rectifiers authors"
copyright = "2026, the rectifiers authors"
version = release = rectifiers.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docs.site.extension",
]
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "RELEASE.md",
    "SECURITY.md",
    "docs/**",
    "results/**.md",
    "src/rectifiers/kernels/*/README.md",
]
exclude_patterns = ["docs/examples", "docs/pages", "docs/site"]

# Every warning fails the build, and every name that a page refers to is there. PyTorch's and other libraries' names
# stay text: their pages lie on the network, and the site works without one.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!rectifiers\.).*")]

default_role = "code"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_mock_imports = ["timm", "transformers"]
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
# docs/site/extension.py calls it, so that a property's first line is not read as its type.
napoleon_google_docstring = False
napoleon_numpy_docstring = False
napoleon_use_rtype = False

myst_enable_extensions = ["colon_fence"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_show_tb = True
nb_merge_streams = True

# What is copied can be run: without prompts, and without what is printed.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = f"rectifiers {release}"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_extra_path = ["site/root"]
html_copy_source = False
# Pages without pages beside them have nothing to show there.
html_sidebars = {page: [] for page in ("docs/index", "docs/start", "genindex", "py-modindex", "search")}
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "rectifiers"},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}
