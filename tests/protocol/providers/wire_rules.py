"""Checks requests by the rules of the model APIs. The rules come from the APIs' documentation, not from the adapters.

Each `wire_rules_<vendor>.py` names its sources, and finds what a strict server of that API would refuse. It is imported
when first needed, because two of them use SDKs that take seconds to import.
"""

from wire_rules_common import Body

from adjourn.protocol.messages import Compat


def violations(api: str, body: Body, compat: Compat | None = None) -> list[str]:
    """Return the rules that a streaming request's decoded body breaks, each as `path: reason`. `compat`: how the server
    differs from OpenAI's; only for chat completions."""
    match api:
        case "anthropic-messages":
            import wire_rules_anthropic

            found = wire_rules_anthropic.violations(body)
        case "openai-completions":
            import wire_rules_openai

            found = wire_rules_openai.chat_violations(body, compat or Compat())
        case "openai-responses":
            import wire_rules_openai

            found = wire_rules_openai.responses_violations(body)
        case "ollama-chat":
            import wire_rules_ollama

            found = wire_rules_ollama.violations(body)
        case _:
            raise ValueError(f"no rules for {api}")
    return list(found)
