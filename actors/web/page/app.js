/** The page: which view is shown, what all views share, and what stands around them. */

import { RunList } from "../js/runlist.js";
import { AgentsView } from "./agentsview.js";
import { keepAges } from "./age.js";
import { ChatView } from "./chatview.js";
import { setText } from "./element.js";
import { InboxView, waitingOf } from "./inboxview.js";
import { Login } from "./login.js";
import { Markdown } from "./markdown.js";
import { hashOf, routeOf } from "./route.js";
import { RunsView } from "./runsview.js";
import { RunView } from "./runview.js";
import { Session } from "./session.js";
import { timelineOf } from "./timeline.js";

/** @import { Route } from "./route.js" @import { AdjournError } from "../js/errors.js" */

/**
 * A view: it is made for a route, `opened` once it is on the page, and closed when another takes its place.
 * @typedef {{ element: HTMLElement, title: string, opened: () => void, close: () => void }} View
 */

const MAX_WAITING = 200; // runs in the inbox

export class App {
  session = new Session();
  markdown = new Markdown(this.session);
  /** The runs that wait for a decision, oldest first. @type {RunList} */
  waiting;
  /** @type {View | null} */
  #view = null;
  #main = find("main");
  #login = new Login((token) => this.#logIn(token));

  constructor() {
    this.session.onUnauthorized = () => this.#login.ask();
    this.session.onConnection = (error) => this.#tellConnection(error);
    this.waiting = this.#watchInbox();
    addEventListener("hashchange", () => this.#show());
    find("skip").addEventListener("click", (event) => {
      event.preventDefault(); // its `#main` would be a route
      this.#main.focus();
    });
    keepAges();
    this.#show();
  }

  agents() {
    return this.session.agents();
  }

  /** The entries of a run's timeline, oldest first. Raises: AdjournError. @param {string} runId @param {number} [from] */
  timelineOf(runId, from = 0) {
    return timelineOf(this.session, runId, from);
  }

  /** Have screen readers say this, when they have said what they are saying. @param {string} words */
  announce(words) {
    find("announcements").textContent = words;
  }

  /** Show another view, in place of this one in the browser's history. @param {Route} route */
  replace(route) {
    history.replaceState(null, "", hashOf(route));
    this.#show();
  }

  /** Show this route's view anew, once its link was followed. */
  restart() {
    setTimeout(() => this.#show());
  }

  #show() {
    const route = routeOf(location.hash);
    this.#view?.close();
    const view = (this.#view = this.#viewOf(route));
    this.#main.replaceChildren(view.element);
    scrollTo(0, 0);
    for (const link of document.querySelectorAll("nav [data-view]")) {
      const isHere = link.getAttribute("data-view") === (route.view === "run" ? "runs" : route.view);
      if (isHere) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.#tellTitle();
    view.opened();
  }

  /** @param {Route} route @returns {View} */
  #viewOf({ view, agent, runId = "", part = "conversation", filter = {} }) {
    if (view === "inbox") return new InboxView(this, filter);
    if (view === "runs") return new RunsView(this, filter);
    if (view === "run") return new RunView(this, runId, part);
    return agent === undefined ? new AgentsView(this) : new ChatView(this, agent, runId || undefined);
  }

  #watchInbox() {
    const list = new RunList({ transport: this.session.transport, filter: { waiting: true }, limit: MAX_WAITING });
    list.subscribe(() => this.#tellTitle());
    return list;
  }

  #tellTitle() {
    const { runs, hasMore } = this.waiting.state;
    const waiting = runs.flatMap(waitingOf).length;
    const count = `${waiting}${hasMore ? "+" : ""}`;
    const badge = find("inbox-count");
    badge.hidden = waiting === 0;
    setText(badge, count);
    badge.setAttribute("aria-label", `${count} waiting`);
    const title = `${waiting > 0 ? `(${count}) ` : ""}${this.#view?.title ?? "Chat"} · adjourn`;
    if (document.title !== title) document.title = title;
  }

  /** @param {AdjournError | null} error */
  #tellConnection(error) {
    const words =
      error === null ? "" : "Connection lost. Nothing is lost on the server; this page tries to connect again.";
    setText(find("connection"), words);
  }

  /** @param {string} token */
  #logIn(token) {
    this.#view?.close();
    this.#view = null;
    this.waiting.close();
    this.session.useToken(token);
    this.waiting = this.#watchInbox();
    this.#show();
  }
}

/** An element of `index.html`. @param {string} id */
function find(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
