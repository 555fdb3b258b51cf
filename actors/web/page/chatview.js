/** A chat with one agent: its transcript, and the composer below. */

import { Chat } from "../js/chat.js";
import { CLIENT_TOOLS } from "./clienttools.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { element, setText } from "./element.js";
import { follow } from "./frame.js";
import { icon } from "./icon.js";
import { Notice } from "./notice.js";
import { hashOf } from "./route.js";
import { Scene } from "./scene.js";
import { BottomScroll } from "./scroll.js";
import { spentOn, spentText } from "./usage.js";
import { timelineOf } from "./timeline.js";
import { Welcome } from "./welcome.js";

/** @import { ChatState } from "../js/chat.js" @import { AdjournError } from "../js/errors.js" */
/** @import { AssistantMessage, Message, UserBlock } from "../js/protocol.js" @import { App } from "./app.js" */

const CHANNEL = "adjourn.chat"; // channel on which a tab tells other tabs which run continues their conversation
const MAX_SPOKEN = 600; // characters of a message that are announced to screen readers

export class ChatView {
  element;
  title;
  #app;
  #agent;
  #chat;
  #scene;
  #conversation;
  #composer;
  #welcome;
  #notice = new Notice();
  #spent = element("p", { class: "spent" });
  #scroll = new BottomScroll();
  #channel = new BroadcastChannel(CHANNEL);
  #stopFollowing;
  /** Ids of the calls whose cards were scrolled to. @type {Set<string>} */
  #revealed = new Set();

  /** @param {App} app @param {string} agent @param {string} [runId] */
  constructor(app, agent, runId) {
    this.#app = app;
    this.#agent = agent;
    this.title = agent;
    this.#chat = new Chat({
      agent,
      transport: app.session.transport,
      onMessage: (message) => this.#heard(message),
      onDecisionPending: ({ toolName }) => app.announce(`${toolName} needs a decision`),
      onDecisionResolved: (resolution) => this.#scene.resolved(resolution),
    });
    this.#scene = new Scene(this.#chat, app.markdown, Object.keys(CLIENT_TOOLS));
    for (const [name, execute] of Object.entries(CLIENT_TOOLS)) this.#chat.tool(name, execute, { idempotent: true });
    this.#conversation = new Conversation(this.#scene, agent);
    this.#welcome = new Welcome(app, agent, (words) => void this.#send(words));
    this.#composer = new Composer({
      send: (content) => this.#send(content),
      stop: () => void this.#chat.abort(),
      limits: () => app.session.limits(),
    });
    this.element = element(
      "section",
      { class: "chat", "aria-label": `Chat with ${agent}` },
      element("header", { class: "view-head" }, element("h1", {}, agent), this.#spent, this.#newChat()),
      this.#welcome.element,
      this.#conversation.element,
      this.#notice.element,
      element("div", { class: "dock" }, this.#scroll.button, this.#composer.element),
    );
    this.#conversation.element.addEventListener("toggle", () => this.#scroll.hold(), true);
    this.#channel.onmessage = ({ data }) => this.#follow(data);
    this.#stopFollowing = follow(this.#chat, () => this.#show());
    this.#scene.onChange = () => this.#show();
    if (runId !== undefined) void this.#open(runId);
  }

  opened() {
    this.#show();
    if (matchMedia("(hover: hover)").matches) this.#composer.focus(); // elsewhere it would open a keyboard
  }

  close() {
    this.#stopFollowing();
    this.#channel.close();
    this.#scroll.close();
    this.#conversation.close();
    this.#chat.close();
  }

  #newChat() {
    const href = hashOf({ view: "chat", agent: this.#agent });
    return element(
      "a",
      { class: "button", href, click: () => location.hash === href && this.#app.restart() },
      icon("plus"),
      "New chat",
    );
  }

  /** @param {string} runId */
  async #open(runId) {
    this.#scroll.toBottom();
    if (await this.#chat.attach(runId)) await this.#loadDecisions(runId);
  }

  /** Reads the decisions made before this page was opened. @param {string} runId */
  async #loadDecisions(runId) {
    const entries = await timelineOf(this.#app.session, runId, 0).catch(() => []);
    for (const entry of entries) if (entry.kind === "decision") this.#scene.resolved(entry);
    this.#show();
  }

  /** @param {string | UserBlock[]} content */
  async #send(content) {
    const { runId: after } = this.#chat;
    this.#scroll.toBottom();
    const isSent = await this.#chat.send([{ role: "user", content }]);
    if (isSent && after !== null) this.#channel.postMessage({ after, runId: this.#chat.runId });
    return isSent;
  }

  /** Follows another tab's message in this conversation. @param {{ after?: unknown, runId?: unknown }} data */
  #follow({ after, runId }) {
    if (after === this.#chat.runId && typeof runId === "string") void this.#open(runId);
  }

  #show() {
    const { state } = this.#chat;
    if (this.#isOfAnother(state)) return;
    const isEmpty = state.messages.length === 0 && state.runId === null;
    this.#welcome.element.hidden = !isEmpty;
    this.#conversation.show(state);
    this.#showError(state.error);
    if (!isEmpty) this.#scroll.follow();
    const isBusy = state.status === "running" || state.status === "paused";
    this.#composer.show(isBusy, hintOf(state.status, state.pendingDecisions.length));
    setText(this.#spent, spentText(spentOn(state.messages)));
    this.#keepAddress(state.runId);
    this.#revealCards(state.pendingDecisions.map(({ toolCallId }) => toolCallId)); // last, because it measures the page
  }

  /** Goes to the chat of the run's own agent if the address names another agent. @param {ChatState} state */
  #isOfAnother({ run, runId }) {
    if (run === null || runId === null || run.agent === "" || run.agent === this.#agent) return false;
    this.#app.replace({ view: "chat", agent: run.agent, runId });
    return true;
  }

  /** @param {AdjournError | null} error */
  #showError(error) {
    if (error !== null && this.#scene.isToldByCard(error)) return this.#notice.show(null);
    const others =
      error?.type === "agentNotFound" ? [element("a", { class: "button", href: "#/chat" }, "All agents")] : [];
    this.#notice.show(error, ...others);
  }

  /** Scrolls to the first card if a call has started to wait. @param {string[]} ids of all waiting calls */
  #revealCards(ids) {
    const isNew = ids.some((id) => !this.#revealed.has(id));
    for (const id of ids) this.#revealed.add(id);
    const card = this.#conversation.element.querySelector(".card");
    if (isNew && card !== null) this.#scroll.reveal(card);
  }

  /** Keeps the run's id in the address, for a reload and for other tabs. @param {string | null} runId */
  #keepAddress(runId) {
    const hash = hashOf({ view: "chat", agent: this.#agent, ...(runId === null ? {} : { runId }) });
    if (location.hash !== hash && this.element.isConnected && (runId !== null || this.#chat.error === null))
      history.replaceState(null, "", hash);
  }

  /** @param {Message} message */
  #heard(message) {
    if (message.role !== "assistant") return;
    const words = wordsOf(message);
    if (words !== "") this.#app.announce(`${this.#agent}: ${words}`);
  }
}

/** Returns why nothing can be sent now. @param {string} status @param {number} waiting calls that need a decision */
function hintOf(status, waiting) {
  if (status === "running") return "You can write when the run is over, or stop it.";
  if (status !== "paused") return "";
  return waiting > 0 ? "The run waits for a decision." : "The run waits for a client.";
}

/** Returns a message's text, cut to the length that is announced. @param {AssistantMessage} message */
function wordsOf({ content }) {
  const words = content
    .map((block) => (block.type === "text" ? block.text : ""))
    .join(" ")
    .trim();
  return words.length > MAX_SPOKEN ? `${words.slice(0, MAX_SPOKEN)}…` : words;
}
