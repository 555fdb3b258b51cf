"""Tests against real model APIs, with real keys: scenarios of `tests/reference`. They cost a little money.

    ADJOURN_LIVE=1 .venv/bin/python -m pytest tests/live

Without ADJOURN_LIVE=1 no test here is collected. With it, an API is tested if its variable is set: ANTHROPIC_API_KEY;
OPENAI_API_KEY, for both of OpenAI's APIs; OLLAMA_HOST, the address of a server. `wires.py` has a model for each;
ADJOURN_LIVE_ANTHROPIC, ADJOURN_LIVE_OPENAI and ADJOURN_LIVE_OLLAMA select other models.

Each preset is tested if its key is set (GROQ_API_KEY, ...), with the model in `wires.py` or in its variable, such as
ADJOURN_LIVE_GROQ. ADJOURN_LIVE_AZURE is the name of a deployment; ADJOURN_LIVE_LITELLM, _LLAMACPP, _LMSTUDIO and _VLLM
are names of models of a server on this machine.
"""

import os

collect_ignore_glob = [] if os.environ.get("ADJOURN_LIVE") == "1" else ["*"]
