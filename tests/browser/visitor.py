"""Uses the page as a person does. Finds elements by role, name or text, never by class."""

import re

from chromium import Locator, Page, Profile, expect

__all__ = ["Visitor"]

# Finds elements wider than the screen, if the page scrolls sideways.
WIDER = """
  document.documentElement.scrollWidth <= innerWidth
    ? []
    : [...document.querySelectorAll("main *")].filter((each) => each.getBoundingClientRect().right > innerWidth)
        .map((each) => `${each.tagName} ${each.className}`)
"""
SHOW_END = """
  (element) => {
    element.scrollTop = element.scrollHeight; // in a box that scrolls; the key End would scroll the page too, later
    element.scrollIntoView({ block: "end" });
    return new Promise((seen) => requestAnimationFrame(() => setTimeout(seen)));
  }
"""


class Visitor:
    """A person with one tab."""

    def __init__(self, profile: Profile, path: str = "/") -> None:
        self.profile = profile
        self.page: Page = profile.open(path)
        self.said = self.page.get_by_role("log")

    # Chat.

    def say(self, words: str) -> None:
        self.page.get_by_label("Message", exact=True).fill(words)
        self.page.keyboard.press("Enter")

    def sees(self, words: str | re.Pattern[str]) -> None:
        """Waits until the conversation shows this text."""
        expect(self.said.get_by_text(words).last).to_be_visible()

    def sees_rest(self) -> None:
        """Waits until the run has ended and the next message can be sent."""
        expect(self.page.get_by_role("button", name="Send", exact=True)).to_be_visible()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def fits(self) -> None:
        """Checks that nothing is wider than the screen."""
        assert self.page.evaluate(WIDER) == []

    # Decisions.

    def card(self, tool: str, number: int = 0) -> "Card":
        """Returns the card of a waiting call; `number` counts the calls of the same tool."""
        return Card(self.page.get_by_role("article", name=tool, exact=True).nth(number))


class Card:
    """The card of a call that waits for a decision."""

    def __init__(self, element: Locator) -> None:
        self.element = element

    def sees(self, words: str) -> None:
        expect(self.element).to_contain_text(words)

    def fill(self, label: str, value: str) -> None:
        self.element.get_by_label(label).fill(value)

    def choose(self, name: str) -> None:
        self.element.get_by_role("radio", name=name, exact=True).check()

    def press(self, name: str) -> None:
        """Presses a button after the whole card was scrolled through: until then the button is disabled."""
        arguments = self.element.get_by_role("group", name="Arguments of")
        arguments.evaluate(SHOW_END)
        button = self.element.get_by_role("button", name=name, exact=True)
        button.scroll_into_view_if_needed()
        button.click()

    def is_gone(self) -> None:
        expect(self.element).to_have_count(0)
