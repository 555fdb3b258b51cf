/** What can go wrong: refusals as the server names them, and what only a client meets. No I/O. */
import type { ErrorType } from "./protocol.js";
/** @import { ErrorType } from "./protocol.js" */
/**
 * A refusal of the server, a fault on the way, or a call that this client can't make.
 *
 * `type` is the server's (`decisionInvalid`, `runNotFound`, `forbidden`, …; see `ErrorType`), or the client's own:
 * `connectionLost`: no answer came; whether the request took effect is unknown. `malformed`: the server said what no
 * adjourn server says. `busy`: the run isn't over. Of a failed run, also `modelError` and `crashLoop`.
 */
export declare class AdjournError extends Error {
    type: "busy" | "malformed" | ErrorType | (string & {});
    data: Record<string, any>;
    /** Whether the same call may succeed later. */
    retryable: boolean;
    /**
     * @param {ErrorType | "malformed" | "busy" | (string & {})} type
     * @param {string} message for a person
     * @param {Record<string, any>} [data] what a program may need: `errors` of `decisionInvalid`, `open` of
     *   `toolCallIdRequired`, …
     */
    constructor(type: ErrorType | "malformed" | "busy" | (string & {}), message: string, data?: Record<string, any>);
}
/**
 * The error that a JSON-RPC error object stands for.
 * @param {{ code: number, message: string, data?: Record<string, any> }} fault
 */
export declare function errorOfRpc({ code, message, data }: {
    code: number;
    message: string;
    data?: Record<string, any>;
}): AdjournError;
/**
 * The error that an HTTP refusal stands for: problem+json (RFC 9457), or just a status, whose type is `http404`, say.
 * @param {number} status
 * @param {unknown} problem the decoded body; anything but an object with a `type` is passed over
 */
export declare function errorOfHttp(status: number, problem: unknown): AdjournError;
/**
 * @param {string} where what was said by whom
 * @param {unknown} [cause]
 */
export declare function malformed(where: string, cause?: unknown): AdjournError;
/**
 * Whatever was thrown, as an AdjournError.
 * @param {unknown} thrown
 */
export declare function asError(thrown: unknown): AdjournError;
