/** The servers of a transport, used one at a time: when one is lost, the next. No I/O. */
/** @template [T=string] */
export declare class Servers<T = string> {
    #private;
    /**
     * @param {T | readonly T[]} urls at least one
     * @param {string} option what the urls are called, for the error
     */
    constructor(urls: T | readonly T[], option: string);
    /** The server of the current connection, or of the next attempt. */
    get current(): T;
    get isOnly(): boolean;
    /** Goes on to the next server, unless another request has done so already. @param {T} lost the server that is left */
    leave(lost: T): void;
    /**
     * Returns how often all servers were tried, after `failures` failed attempts in a row; 0 in the middle of a round:
     * the next server is then tried without a wait.
     * @param {number} failures
     */
    rounds(failures: number): number;
    /** Replaces the list; the current server stays current. @param {readonly T[]} urls */
    replace(urls: readonly T[]): void;
}
