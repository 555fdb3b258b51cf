"""Tests against real model APIs, with real keys: scenarios of `tests/reference`. They cost a little money.

    ADJOURN_LIVE=1 .venv/bin/python -m pytest tests/live

Without ADJOURN_LIVE=1 nothing here is collected. With it, a wire takes part when its variable is set:
ANTHROPIC_API_KEY; OPENAI_API_KEY, for both of OpenAI's wires; OLLAMA_HOST, the address of a server. `wires.py` names a
model for each; ADJOURN_LIVE_ANTHROPIC, ADJOURN_LIVE_OPENAI and ADJOURN_LIVE_OLLAMA name others.

Each preset takes part when its key is set (GROQ_API_KEY, ...), with the model in `wires.py` or in ADJOURN_LIVE_GROQ and
the like. ADJOURN_LIVE_AZURE names a deployment; ADJOURN_LIVE_LITELLM, _LLAMACPP, _LMSTUDIO and _VLLM name the model of
a server on this machine.
"""

import os

collect_ignore_glob = [] if os.environ.get("ADJOURN_LIVE") == "1" else ["*"]
