/** The page: shows the view that the address names, and holds what all views share. */

import { RunList } from "../js/runlist.js";
import { ActorsView } from "./actorsview.js";
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

/** @import { Route } from "./route.js" @import { AdjournError } from "../js/errors.js" */

/**
 * A view: fills `main`. `opened` is called once it is on the page, `close` when another view replaces it.
 * @typedef {{ element: HTMLElement, title: string, opened: () => void, close: () => void }} View
 */

const INBOX_PAGE = 200; // runs in one answer of the server

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
    this.session.onConnection = (error) => this.#showConnection(error);
    this.waiting = this.#watchInbox();
    addEventListener("hashchange", () => this.#show());
    find("skip").addEventListener("click", (event) => {
      event.preventDefault(); // its `#main` would be a route
      this.#main.focus();
    });
    keepAges();
    this.#show();
  }

  /** Lets screen readers say this text after what they are reading now. @param {string} words */
  announce(words) {
    find("announcements").textContent = words;
  }

  /** Shows another view, and replaces the current entry of the browser's history. @param {Route} route */
  replace(route) {
    history.replaceState(null, "", hashOf(route));
    this.#show();
  }

  /** Shows the current address's view again. */
  restart() {
    this.#show();
  }

  /** Shows the view's title and the number of waiting decisions as the browser's title. */
  showTitle() {
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

  #show() {
    const route = routeOf(location.hash);
    this.#view?.close();
    const view = (this.#view = this.#viewOf(route));
    const hadFocus = document.activeElement !== document.body;
    this.#main.replaceChildren(view.element);
    if (hadFocus && document.activeElement === document.body) this.#main.focus(); // the focus was in the old view
    scrollTo(0, 0);
    for (const link of document.querySelectorAll("nav [data-view]")) {
      const isHere = link.getAttribute("data-view") === (route.view === "run" ? "runs" : route.view);
      if (isHere) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.showTitle();
    view.opened();
  }

  /** @param {Route} route @returns {View} */
  #viewOf({ view, agent, runId = "", part = "conversation", filter = {} }) {
    if (view === "inbox") return new InboxView(this, filter);
    if (view === "runs") return new RunsView(this, filter);
    if (view === "actors") return new ActorsView(this);
    if (view === "run") return new RunView(this, runId, part);
    return agent === undefined ? new AgentsView(this) : new ChatView(this, agent, runId || undefined);
  }

  #watchInbox() {
    const list = new RunList({ transport: this.session.transport, filter: { waiting: true }, limit: INBOX_PAGE });
    list.subscribe(() => this.showTitle());
    return list;
  }

  /** @param {AdjournError | null} error */
  #showConnection(error) {
    const { otherHost } = this.session;
    const other = otherHost && `This page lost its server and uses ${otherHost} now. Reload it when its server is back.`;
    const lost = "Connection lost. Nothing is lost on the server; this page tries to connect again.";
    setText(find("connection"), error === null ? (other ?? "") : lost);
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

/** Returns an element of `index.html`. @param {string} id */
function find(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
