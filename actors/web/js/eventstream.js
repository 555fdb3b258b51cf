/** Parses server-sent events (WHATWG HTML, 9.2) into the data of each event. No I/O. */

export class EventStreamParser {
  #rest = "";
  #endedInCR = false;
  /** @type {string[]} */
  #data = [];

  /**
   * Returns the data of the events that this text completes; an incomplete event at the end of the stream is dropped.
   * Ignores `event:`, `retry:`, comments and `[DONE]`, and also `id:`, because adjourn's data has the seq.
   * @param {string} text
   * @returns {string[]}
   */
  feed(text) {
    if (text === "") return [];
    const fresh = this.#endedInCR && text.startsWith("\n") ? text.slice(1) : text; // the CR has ended the line
    this.#endedInCR = text.endsWith("\r");
    const lines = (this.#rest + fresh).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => this.#take(line)).filter((data) => data !== null);
  }

  /** @param {string} line @returns {string | null} the data of the event that this line completes */
  #take(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field === "data") this.#data.push(colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, ""));
    return null;
  }

  #dispatch() {
    const lines = this.#data;
    this.#data = [];
    const data = lines.join("\n");
    return lines.length === 0 || data === "[DONE]" ? null : data;
  }
}
