/** A chat as a React program would have it: `useChat` with nothing but an api. */

import { createElement as h, StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { useChat } from "/js/react.js";

const textOf = ({ content }) =>
  typeof content === "string" ? content : content.map((block) => block.text ?? "").join("");

function App() {
  const { messages, streamingMessage, pendingDecisions, status, error, send, abort, ...chat } = useChat({
    api: "/runs",
  });
  const shown = streamingMessage === null ? messages : [...messages, streamingMessage];
  const submit = (event) => {
    event.preventDefault();
    void send(new FormData(event.target).get("said"));
  };
  return h(
    "main",
    null,
    h("p", { role: "status" }, status),
    h("p", { role: "alert" }, error?.message),
    h("ol", null, ...shown.map((message) => h("li", null, textOf(message)))),
    ...pendingDecisions.map((call) => h(Card, { ...call, ...chat })),
    h("form", { onSubmit: submit }, h("input", { name: "said", "aria-label": "Say" })),
    h("button", { onClick: () => void abort() }, "Stop"),
  );
}

function Card({ toolCallId, toolName, input, respondWithDecision, decline }) {
  const decide = (decision) => () => void respondWithDecision(decision, { toolCallId });
  return h(
    "section",
    { "aria-label": toolName },
    h("p", null, JSON.stringify(input)),
    h("button", { onClick: decide({ approved: true }) }, "Approve"),
    h("button", { onClick: decide({ approved: "yes" }) }, "Approve wrongly"),
    h("button", { onClick: () => void decline({ toolCallId, reason: "too much" }) }, "Decline"),
  );
}

createRoot(document.body).render(h(StrictMode, null, h(App)));
