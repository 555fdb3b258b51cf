"""The known providers, and how their requests differ: data, with a source for each provider. No code here.

A field is sent only if a source confirms it. `NARROWEST`, for chat completions at an unknown host, has the fields that
all these servers accept. Of a caller's `ModelOptions`, only a host's `refused_fields` are left out.

`input_parts` names what a message may contain besides text and inline images; empty if no source says more. Self-hosted
servers are sent no image URLs, although they accept them: a client could make them load URLs of your private network.

Options are refused or left out by the names of OpenAI's fields: `stop`, `top_p`, `seed`, `service_tier`,
`parallel_tool_calls`, `response_format`.
"""

from ...protocol.messages import Compat
from .provider import Provider

__all__ = ["NARROWEST", "PRESETS"]

_CHAT = ("openai-completions",)

NARROWEST = Compat(
    max_tokens_field="max_tokens",
    supports_strict_tool_schema=False,
    supports_usage_in_streaming=False,
    input_parts=(),
)

PRESETS = (
    Provider(
        name="anthropic",
        apis=("anthropic-messages",),
        base_url="https://api.anthropic.com",
        base_url_variable="ANTHROPIC_BASE_URL",
        key_variables=("ANTHROPIC_API_KEY",),
        key_header="x-api-key",
        token_variables=("ANTHROPIC_AUTH_TOKEN",),
        sources=("Python SDK 2.12, November 2026",),
    ),
    Provider(
        name="openai",
        apis=("openai-completions", "openai-responses"),
        base_url="https://api.openai.com/v1",
        base_url_variable="OPENAI_BASE_URL",
        hosts=("us.api.openai.com", "eu.api.openai.com"),
        compat=Compat(),
        key_variables=("OPENAI_API_KEY",),
        header_variables={"openai-organization": "OPENAI_ORG_ID", "openai-project": "OPENAI_PROJECT_ID"},
        call_id_header="x-client-request-id",
        sources=("Python SDK 3.54.0, October 2026",),
    ),
    Provider(
        name="ollama",
        apis=("ollama-chat",),
        base_url="http://127.0.0.1:11434",
        base_url_variable="OLLAMA_HOST",
        key_variables=("OLLAMA_API_KEY",),
        needs_key=False,
        when_unreachable="Is Ollama running? `ollama serve` starts it.",
        sources=("docs.ollama.com, November 2026",),
    ),
    Provider(
        name="azure",
        apis=("openai-completions", "openai-responses"),
        base_url_variable="AZURE_OPENAI_ENDPOINT",
        path="/openai/v1",
        version_variable="OPENAI_API_VERSION",
        dated_path="/openai/deployments/{model}",  # the model's id is the deployment's name
        hosts=(".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"),
        compat=Compat(),
        key_variables=("AZURE_OPENAI_API_KEY",),
        key_header="api-key",
        token_variables=("AZURE_OPENAI_AD_TOKEN",),
        sources=(
            "variables, header, dated path: `AzureOpenAI` of OpenAI's Python SDK 3.54.0, October 2026",
            "v1 path without a version: learn.microsoft.com, API version lifecycle, November 2026",
        ),
    ),
    Provider(
        name="cerebras",
        apis=_CHAT,
        base_url="https://api.cerebras.ai/v1",
        base_url_variable="CEREBRAS_BASE_URL",
        path="/v1",
        compat=Compat(
            input_parts=(), reasoning_efforts=("none", "low", "medium", "high"), supports_strict_tool_schema=False
        ),
        key_variables=("CEREBRAS_API_KEY",),
        sources=("Python SDK 1.91.0, November 2026; `strict` beside tools that are not strict: no source",),
    ),
    Provider(
        name="databricks",
        apis=_CHAT,
        base_url_variable="DATABRICKS_HOST",
        path="/serving-endpoints",
        hosts=(".cloud.databricks.com", ".gcp.databricks.com", ".azuredatabricks.net"),
        compat=Compat(
            input_parts=(),
            max_tokens_field="max_tokens",
            supports_strict_tool_schema=False,
            supports_usage_in_streaming=False,
            refused_fields=("parallel_tool_calls", "response_format", "seed", "service_tier"),
        ),
        key_variables=("DATABRICKS_TOKEN",),
        sources=(
            "docs.databricks.com, Foundation model REST API reference, November 2026",
            "`stream_options` refused: github.com/continuedev/continue/issues/12936, July 2026",
            "no `response_format` while streaming: LiteLLM's adapter, November 2026",
        ),
    ),
    Provider(
        name="deepseek",
        apis=_CHAT,
        base_url="https://api.deepseek.com",
        base_url_variable="DEEPSEEK_BASE_URL",
        compat=Compat(
            input_parts=(),
            max_tokens_field="max_tokens",
            reasoning_format="thinking",
            supports_strict_tool_schema=False,
            refused_fields=("parallel_tool_calls", "response_format", "seed", "service_tier"),  # JSON, but no schema
        ),
        key_variables=("DEEPSEEK_API_KEY",),
        sources=(
            "api-docs.deepseek.com: Thinking Mode, JSON Output, Create Chat Completion, November 2026",
            "the base URL's variable: DeepSeek's own harness, 2026",
        ),
    ),
    Provider(
        name="google",
        apis=_CHAT,
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        compat=Compat(
            input_parts=(),
            max_tokens_field="max_tokens",
            supports_strict_tool_schema=False,
            reasoning_efforts=("none", "low", "medium", "high"),
            refused_fields=("parallel_tool_calls", "seed", "service_tier"),
        ),
        key_variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        sources=(
            "ai.google.dev, OpenAI compatibility, November 2026; the order of keys: Google's Python SDK",
            "`Unknown name` for `seed`: github.com/Vali-98/ChatterUI/issues/227, February 2025",
            "the same for `parallel_tool_calls`: github.com/jackmpcollins/magentic/pull/382, November 2024",
            "`strict`, `service_tier`: no source",
        ),
    ),
    Provider(
        name="groq",
        apis=_CHAT,
        base_url="https://api.groq.com/openai/v1",
        base_url_variable="GROQ_BASE_URL",
        path="/openai/v1",
        compat=Compat(
            input_parts=("imageUrl",),
            reasoning_efforts=("none", "low", "medium", "high"),
            supports_strict_tool_schema=False,
        ),
        key_variables=("GROQ_API_KEY",),
        sources=(
            "console.groq.com/docs/openai, and the Python SDK 1.7.0, November 2026",
            "`stream_options`: github.com/withceleste/celeste-python/pull/351, August 2026",
            "`strict` of tools: no source",
        ),
    ),
    Provider(
        name="huggingface",
        apis=_CHAT,
        base_url="https://router.huggingface.co/v1",
        compat=Compat(
            input_parts=("imageUrl",),
            max_tokens_field="max_tokens",
            reasoning_format="none",
            supports_strict_tool_schema=False,
            refused_fields=("parallel_tool_calls", "service_tier"),
        ),
        key_variables=("HF_TOKEN",),
        sources=("`ChatCompletionInput` of huggingface_hub, and huggingface.co/docs/inference-providers, 2026",),
    ),
    Provider(
        name="litellm",
        apis=_CHAT,
        base_url="http://127.0.0.1:4000",
        base_url_variable="LITELLM_PROXY_API_BASE",
        compat=Compat(
            input_parts=(),
            max_tokens_field="max_tokens",
            supports_strict_tool_schema=False,
        ),
        key_variables=("LITELLM_PROXY_API_KEY",),
        needs_key=False,
        when_unreachable="Is the LiteLLM proxy running?",
        sources=(
            "docs.litellm.ai, LiteLLM proxy, October 2026. It refuses what a model behind it hasn't, unless it is "
            "told to drop that",
        ),
    ),
    Provider(
        name="llamacpp",
        apis=_CHAT,
        base_url="http://127.0.0.1:8080/v1",
        compat=Compat(
            input_parts=("audio",),
            max_tokens_field="max_tokens",
            reasoning_format="chat_template",
            supports_strict_tool_schema=False,
        ),
        key_variables=("LLAMA_API_KEY",),
        needs_key=False,
        when_unreachable="Is it running? `llama-server -m MODEL.gguf` starts it.",
        sources=("README of tools/server in github.com/ggml-org/llama.cpp, November 2026",),
    ),
    Provider(
        name="lmstudio",
        apis=_CHAT,
        base_url="http://127.0.0.1:1234/v1",
        compat=Compat(
            input_parts=(),
            max_tokens_field="max_tokens",
            supports_strict_tool_schema=False,
            tool_choices=("auto", "none", "required"),
        ),
        key_variables=("LM_API_TOKEN",),
        needs_key=False,
        when_unreachable="Is LM Studio's server running? `lms server start` starts it.",
        sources=(
            "lmstudio.ai/docs/developer, November 2026",
            "`tool_choice` as text only: github.com/lmstudio-ai/lmstudio-bug-tracker/issues/670, May 2025",
        ),
    ),
    Provider(
        name="mistral",
        apis=_CHAT,
        base_url="https://api.mistral.ai/v1",
        hosts=("api.eu.mistral.ai", "api.us.mistral.ai"),
        compat=Compat(
            input_parts=("imageUrl",),
            max_tokens_field="max_tokens",
            seed_field="random_seed",
            supports_strict_tool_schema=False,
            supports_usage_in_streaming=False,  # it sends the usage unasked
            tool_call_id_format="mistral9",
        ),
        key_variables=("MISTRAL_API_KEY",),
        sources=(
            "Python SDK 3.7.0, November 2026",
            "other fields are refused (422): github.com/editor-code-assistant/eca/issues/231, December 2025",
        ),
    ),
    Provider(
        name="openrouter",
        apis=_CHAT,
        base_url="https://openrouter.ai/api/v1",
        compat=Compat(
            input_parts=("imageUrl", "file", "fileUrl", "audio"),
            reasoning_format="openrouter",
            supports_strict_tool_schema=False,
        ),
        key_variables=("OPENROUTER_API_KEY",),
        sources=(
            "openrouter.ai/docs, and the Python SDK 1.3.84, November 2026",
            "`strict` goes on to a host that may refuse it",
        ),
    ),
    Provider(
        name="together",
        apis=_CHAT,
        base_url="https://api.together.ai/v1",
        base_url_variable="TOGETHER_BASE_URL",
        path="/v1",
        hosts=("api.together.xyz",),
        compat=Compat(
            input_parts=("imageUrl", "audio"),
            max_tokens_field="max_tokens",
            reasoning_format="together",
            reasoning_efforts=("low", "medium", "high"),
            supports_strict_tool_schema=False,
            supports_usage_in_streaming=False,
            tool_choices=("auto", "none", "required"),  # not one tool: the SDK's type for it is a tool call
            refused_fields=("parallel_tool_calls", "service_tier"),
        ),
        key_variables=("TOGETHER_API_KEY",),
        sources=("Python SDK 3.1.1, November 2026",),
    ),
    Provider(
        name="vllm",
        apis=_CHAT,
        base_url="http://127.0.0.1:8000/v1",
        compat=Compat(
            input_parts=("audio",),
            max_tokens_field="max_tokens",
            reasoning_format="chat_template",
            supports_strict_tool_schema=False,
        ),
        key_variables=("VLLM_API_KEY",),
        needs_key=False,
        when_unreachable="Is it running? `vllm serve MODEL` starts it.",
        sources=("docs.vllm.ai: OpenAI-Compatible Server, Tool Calling, Reasoning Outputs, 2026",),
    ),
    Provider(
        name="xai",
        apis=_CHAT,
        base_url="https://api.x.ai/v1",
        compat=Compat(
            input_parts=(),
            max_tokens_field="max_tokens",
            reasoning_efforts=("low", "medium", "high"),
            supports_strict_tool_schema=False,
            refused_fields=("service_tier", "stop"),
        ),
        key_variables=("XAI_API_KEY",),
        sources=(
            "docs.x.ai, November 2026",
            "`stop` refused by models that reason: github.com/lidge-jun/opencodex/pull/5280, 2026",
        ),
    ),
    Provider(
        name="zai",
        apis=_CHAT,
        base_url="https://api.z.ai/api/paas/v4",
        base_url_variable="ZAI_BASE_URL",
        compat=Compat(
            input_parts=(),
            max_tokens_field="max_tokens",
            reasoning_format="thinking",
            supports_reasoning_effort=False,  # only some of its models support it
            supports_strict_tool_schema=False,
            supports_usage_in_streaming=False,  # it sends the usage unasked
            tool_choices=("auto",),
            refused_fields=("parallel_tool_calls", "response_format", "service_tier"),  # JSON, but no schema
        ),
        key_variables=("ZAI_API_KEY",),
        sources=(
            "Python SDK zai-sdk 0.2.3, November 2026",
            "`stream_options`, `strict`, other tool choices: AgentScope's guide to GLM, 2026",
        ),
    ),
)
