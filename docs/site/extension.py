"""Sphinx extension of the site: generated pages, contents from lists, equations and drawings without scripts."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import PycodeError
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.pycode import ModuleAnalyzer
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxTranslator
from sphinx.util.nodes import make_refnode

from . import api, command_line, functions
from .typeset import mathml

GENERATED = Path(__file__).parent.parent / "generated"

# Pages that are tables of contents: the first link of every line in their lists and tables is a page below them.
CONTENTS = (
    "docs/index",
    "docs/tutorials",
    "docs/how-to",
    "docs/concepts",
    "docs/reference",
    "docs/findings",
    "docs/project",
    "docs/generated/functions/index",
    "docs/generated/api/index",
    "docs/generated/commands/index",
    "results/README",
)


# Points from which on a drawing is not legible on a phone unless it scrolls, and pixels for each of its points that
# keep its type legible where it does.
WIDE, LEGIBLE = 450, 0.95

# What is read as one word: numbers with what they are measured in, with their error, with an exponent, and intervals.
_NUMBER = r"\d[\d.,]*"
INTACT = re.compile(
    rf"([−+]?{_NUMBER} ± {_NUMBER}(?: %)?|\[[−+-]?{_NUMBER}, [−+-]?{_NUMBER}\]|{_NUMBER}e[-−]\d+(?: %)?|{_NUMBER} [%×])"
)

# What stands on the site alone, because it is generated while the site is built; and the paragraph for the repository's
# readers whose place it takes.
ELSEWHERE = "\nThe site that `make docs` builds"
GENERATED_LINKS = """
- [Functions, a page each](generated/functions/index.md): equation, curve, when to use it, cost, results.
- [Python](generated/api/index.md): every public name, with its types.
- [Command line](generated/commands/index.md): every verb and option.
"""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything with Sphinx."""
    app.connect("builder-inited", generate)
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("missing-reference", resolve)
    app.add_post_transform(InlineDrawings)
    app.add_post_transform(IntactNumbers)
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def generate(app: Sphinx) -> None:
    """Write the pages that come from the code."""
    functions.write_pages(GENERATED / "functions")
    api.write_pages(GENERATED / "api")
    command_line.write_pages(GENERATED / "commands")


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Make the lists of a contents page Sphinx's table of contents, which a repository's page would show as code."""
    if page not in CONTENTS:
        return
    if page == "docs/reference":
        source[0] = source[0].partition(ELSEWHERE)[0].rstrip() + GENERATED_LINKS
    items = re.findall(r"^\s*[-|] .*?\]\(([^)#:]+)\.(?:md|ipynb|rst)[)#]", source[0], flags=re.MULTILINE)
    source[0] += "\n\n```{toctree}\n:hidden:\n\n" + "\n".join(dict.fromkeys(items)) + "\n```\n"


def read_docstring(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Read docstrings in Google's style; bars and stars of their formulas stay what they are."""
    example = False
    for number, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            parts = line.split("`")
            parts[::2] = [re.sub(r"(?<!\\)\||(?<= )\*\*(?= |,)", r"\\\g<0>", part) for part in parts[::2]]
            lines[number] = "`".join(parts)
    if what == "data":
        lines[:] = _find_comment(name.rpartition(".")[2], thing) or lines
    kind = "method" if what in ("attribute", "property", "data") else what
    lines[:] = GoogleDocstring(lines, app.config, app, kind, name, thing, options).lines()
    # A name such as `from_` would be read as a link.
    lines[:] = [re.sub(r"^(\s*:param \w+)_:", r"\1\\_:", line) for line in lines]


def _find_comment(name: str, thing: Any) -> list[str]:
    """What stands below a value in the module that defines it, as its own docstring is that of its type."""
    for module in list(sys.modules):
        if module.startswith("rectifiers.") and vars(sys.modules[module]).get(name) is thing:
            with contextlib.suppress(PycodeError):
                if comment := ModuleAnalyzer.for_module(module).find_attr_docs().get(("", name)):
                    return list(comment)
    return []


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement) -> nodes.Node | None:
    """Find a name of ours by the object behind it: annotations name where it is defined, pages where it is public.

    What is no public name stays text.
    """
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith("rectifiers."):
        return None
    wanted = _find(target)
    domain = env.domains.python_domain
    for name in domain.objects:
        if wanted is not None and name.rpartition(".")[2] == target.rpartition(".")[2] and _find(name) is wanted:
            found = domain.objects[name]
            return _link(app, node, found.docname, found.node_id, text)
    return text


def _link(app: Sphinx, node: pending_xref, page: str, anchor: str, text: nodes.TextElement) -> nodes.Node:
    return make_refnode(app.builder, node["refdoc"], page, anchor, text)


def _find(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        return None


class InlineDrawings(SphinxPostTransform):
    """Put SVG drawings into the page, where they take its colours, light or dark."""

    default_priority = 5
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Replace the images of a page."""
        for image in list(self.document.findall(nodes.image)):
            path = Path(self.env.srcdir, image["uri"])
            if path.suffix == ".svg" and path.is_file():
                drawing = re.sub(r"^<\?xml[^>]*>\s*", "", path.read_text("utf-8"))
                drawing = re.sub(r"<style data-standalone>.*?</style>", "", drawing, flags=re.DOTALL)
                width = re.search(r'<svg [^>]*width="([\d.]+)pt"', drawing)
                if width and float(width[1]) > WIDE:
                    least = round(float(width[1]) * LEGIBLE)
                    drawing = drawing.replace("<svg ", f'<svg style="min-width: {least}px" ', 1)
                image.replace_self(nodes.raw("", f'<div class="drawing">{drawing}</div>', format="html"))


class IntactNumbers(SphinxPostTransform):
    """Keep what is read as one word in one line."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Wrap the numbers of a page."""
        for text in list(self.document.findall(nodes.Text)):
            parts = INTACT.split(text)
            unbroken = (nodes.literal, nodes.math, nodes.raw, nodes.FixedTextElement, nodes.title)
            if len(parts) == 1 or isinstance(text.parent, unbroken) or not isinstance(text.parent, nodes.TextElement):
                continue
            for number in range(1, len(parts), 2):
                parts[number] = nodes.inline("", parts[number], classes=["intact"])
            text.parent.replace(text, [nodes.Text(part) if isinstance(part, str) else part for part in parts if part])


def _inline(self: SphinxTranslator, node: nodes.math) -> None:
    self.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _block(self: SphinxTranslator, node: nodes.math_block) -> None:
    self.body.append(f'<div class="math">{mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode
