"""Pages of which a benchmark writes a part."""

from __future__ import annotations


def replace_between(text: str, name: str, content: str) -> str:
    """The page with `content` between its marks `<!-- NAME:begin -->` and `<!-- NAME:end -->`, each on its own line.

    Args:
        text: the page.
        name: of the marks.
        content: what comes between them, with the end of its last line.
    """
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->\n"
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return before + begin + content + end + after
