/** Parses server-sent events (WHATWG HTML, 9.2) into the data of each event. No I/O. */
export declare class EventStreamParser {
    #private;
    /**
     * Returns the data of the events that this text completes; an incomplete event at the end of the stream is dropped.
     * Ignores `event:`, `retry:`, comments and `[DONE]`, and also `id:`, because adjourn's data has the seq.
     * @param {string} text
     * @returns {string[]}
     */
    feed(text: string): string[];
}
