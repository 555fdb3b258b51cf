"""Markdown for the terminal: rich's, but with headings at the left edge and with the addresses of links shown."""

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
    """Returns Markdown for rich to print. A link shows its text and its address, so no address is hidden."""
    return _Markdown(source, code_theme="ansi_dark", hyperlinks=False)
