/** Server-sent events (WHATWG HTML, 9.2): text to the data of each event. No I/O. */
export declare class EventStreamParser {
    #private;
    /**
     * The data of the events that are complete with this text; one that the stream breaks off is dropped. `event:`,
     * `retry:` and comments are passed over, and so is `[DONE]`. So is `id:`: what adjourn sends has its seq in the data.
     * @param {string} text
     * @returns {string[]}
     */
    feed(text: string): string[];
}
