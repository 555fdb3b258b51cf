"""Separates thinking from text, for models that write thinking into their text, between tags such as `<think>`.

Pure. The result doesn't depend on how the text is cut into pieces. The rules for what counts as a tag:

- An opening tag in code (between backticks on a line, or in a fenced block) is text.
- Thinking ends at the first closing tag that isn't directly between backticks. Fenced code doesn't count in thinking,
  because a fence that the model forgot to close would hide the answer. An opening tag in thinking is thinking.
- White space at the beginning and right after a tag is left out. Without a closing tag, all of the rest is thinking.
"""

from ..messages import ModelDescriptor

__all__ = ["ThinkingTags", "thinking_tags"]


def thinking_tags(model: ModelDescriptor) -> "ThinkingTags | None":
    """Return the parser for the model's thinking tags; None if it doesn't write thinking into its text."""
    if model.compat is None or not model.compat.thinking_tag:
        return None
    return ThinkingTags(model.compat.thinking_tag, inside=bool(model.compat.thinks_at_once))


class ThinkingTags:
    """Parses the text of one message. `inside`: the text begins with thinking, without an opening tag."""

    def __init__(self, tag: str, *, inside: bool = False) -> None:
        self.opening, self._closing = f"<{tag}>", f"</{tag}>"
        self._inside = self._may_repeat_opening = inside
        self._fresh = True  # whether leading white space is still left out
        self._held = ""  # the end of the text so far, if it may be the beginning of a tag
        self._last = ""  # the last character of the thinking so far
        self._code = _Code()

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Add text. Return the finished pieces in order: whether each is thinking, and its text."""
        text, self._held = self._held + text, ""
        if self._may_repeat_opening:
            text = self._without_opening(text)
        pieces: list[tuple[bool, str]] = []
        while text:
            text = self._take_thinking(text, pieces) if self._inside else self._take_text(text, pieces)
        return pieces

    def end(self) -> list[tuple[bool, str]]:
        """End the text, also before a tool call. Return the text that was held back. Later text begins outside."""
        pieces: list[tuple[bool, str]] = []
        held, self._held = self._held, ""
        if held and held != self._closing:
            self._put(held, pieces)
        self._inside = self._may_repeat_opening = False
        self._code = _Code()
        return pieces

    def _without_opening(self, text: str) -> str:
        """Return the text without an opening tag: some models that begin with thinking write the tag nevertheless."""
        text = text.lstrip()
        if text and text != self.opening and self.opening.startswith(text):
            self._held, text = text, ""
        elif text:
            self._may_repeat_opening = False
        return text.removeprefix(self.opening)

    def _take_text(self, text: str, pieces: list[tuple[bool, str]]) -> str:
        """Parse the text up to the next opening tag. Return the rest."""
        before, tag, rest = text.partition(self.opening)
        if not tag:
            self._put(self._hold(text, self.opening), pieces)
            return ""
        self._put(before, pieces)
        if self._code.is_open:
            self._put(tag, pieces)
        else:
            self._inside = self._fresh = True
            self._last = ""
        return rest

    def _take_thinking(self, text: str, pieces: list[tuple[bool, str]]) -> str:
        """Parse the thinking up to the next closing tag. Return the rest."""
        before, tag, rest = text.partition(self._closing)
        if not tag:
            self._put(self._hold(text, self._closing), pieces)
            return ""
        self._put(before, pieces)
        if self._last == "`" and not rest:
            self._held = tag  # the next character tells whether the tag is between backticks
        elif self._last == "`" and rest[0] == "`":
            self._put(tag, pieces)
        else:
            self._inside, self._fresh = False, True
            self._code = _Code()
        return rest

    def _hold(self, text: str, tag: str) -> str:
        """Return the text without an ending that may be the beginning of the tag. Holds that ending back."""
        for length in range(min(len(tag) - 1, len(text)), 0, -1):
            if text.endswith(tag[:length]):
                self._held = text[-length:]
                return text[:-length]
        return text

    def _put(self, text: str, pieces: list[tuple[bool, str]]) -> None:
        if self._fresh:
            text = text.lstrip()
        if not text:
            return
        self._fresh = False
        if self._inside:
            self._last = text[-1]
        else:
            self._code.feed(text)
        pieces.append((self._inside, text))


class _Code:
    """Tracks where Markdown has code: in fenced blocks, and between backticks on one line."""

    __slots__ = ("_at_line_start", "_fence", "_inline", "_mark", "_run")

    def __init__(self) -> None:
        self._fence = ""  # the marks that opened the fenced block
        self._inline = 0  # how many backticks opened the code on this line
        self._mark, self._run = "", 0  # the run of equal marks just read
        self._at_line_start = True

    @property
    def is_open(self) -> bool:
        """Whether the next character is in code."""
        self._settle()
        return bool(self._fence or self._inline)

    def feed(self, text: str) -> None:
        for character in text:
            if self._run and character != self._mark:
                self._settle()
            if character in "`~":
                self._mark = character
                self._run += 1
            elif character == "\n":
                self._at_line_start, self._inline = True, 0
            elif not character.isspace():
                self._at_line_start = False

    def _settle(self) -> None:
        """Let the run of marks just read open or close code, because the run is complete."""
        run, self._run = self._run, 0
        if not run:
            return
        if self._at_line_start and run >= 3:
            if not self._fence:
                self._fence = self._mark * run
            elif self._fence[0] == self._mark and run >= len(self._fence):
                self._fence = ""
        elif not self._fence and self._mark == "`":
            self._inline = {0: run, run: 0}.get(self._inline, self._inline)
        self._at_line_start = False
