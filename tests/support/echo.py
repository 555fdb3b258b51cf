"""An actor that gives back what it gets."""

from typing import Any

from adjourn.actors.core import Mailbox


async def echo(mailbox: Mailbox[Any]) -> None:
    """Replies with the body; crashes on an exception, returns on None."""
    async for mail in mailbox:
        if isinstance(mail.body, BaseException):
            raise mail.body
        if mail.body is None:
            return
        mail.reply(mail.body)
