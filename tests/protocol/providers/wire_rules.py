"""What model APIs demand of a request, written from their documentation, by checkers that know no adapter.

Each `wire_rules_<vendor>.py` has its sources, and finds what a strict server of that API would refuse. They are
imported when first needed: two of them look into SDKs that take seconds to import.
"""

from wire_rules_common import Body

from adjourn.protocol.messages import Compat


def violations(api: str, body: Body, compat: Compat | None = None) -> list[str]:
    """What the decoded body of a streaming request breaks of the API's rules, each as `path: reason`. `compat` counts
    for chat completions alone: how the server differs from OpenAI's."""
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
