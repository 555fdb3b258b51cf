"""Markdown for the terminal: rich's, with headings at the left edge, and links whose address can be read."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown

__all__ = ["markdown_of"]


class _Heading(Heading):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _Markdown(Markdown):
    elements = {**Markdown.elements, "heading_open": _Heading}


def markdown_of(source: str) -> Markdown:
    """Markdown as something that rich prints. Links are text and address: nothing hides where they lead."""
    return _Markdown(source, code_theme="ansi_dark", hyperlinks=False)
