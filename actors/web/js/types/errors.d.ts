/** Errors: refusals by the server, and the client's own errors. No I/O. */
import type { ErrorType } from "./protocol.js";
/** @import { ErrorType } from "./protocol.js" */
/**
 * A refusal by the server, a lost connection, or a call that this client can't make.
 *
 * `type` is one of the server's types (`decisionInvalid`, `runNotFound`, `forbidden`, …; see `ErrorType`), or one of
 * the client's: `connectionLost`: there was no answer, and the request may have taken effect or not. `malformed`: the
 * server's message is not valid. `busy`: the run has not ended. The error of a failed run may also have the type
 * `modelError` or `crashLoop`.
 */
export declare class AdjournError extends Error {
    type: "busy" | "malformed" | ErrorType | (string & {});
    data: Record<string, any>;
    /** Whether the same call may succeed later. */
    retryable: boolean;
    /**
     * @param {ErrorType | "malformed" | "busy" | (string & {})} type
     * @param {string} message text for people
     * @param {Record<string, any>} [data] data for programs: `errors` of `decisionInvalid`, `open` of
     *   `toolCallIdRequired`, …
     */
    constructor(type: ErrorType | "malformed" | "busy" | (string & {}), message: string, data?: Record<string, any>);
}
/**
 * Makes an error from a JSON-RPC error object.
 * @param {{ code: number, message: string, data?: Record<string, any> }} fault
 */
export declare function errorOfRpc({ code, message, data }: {
    code: number;
    message: string;
    data?: Record<string, any>;
}): AdjournError;
/**
 * Makes an error from a refused HTTP request: from its problem+json (RFC 9457), or only from its status; then the type
 * is `http404`, for example.
 * @param {number} status
 * @param {unknown} problem the decoded body; ignored unless it is an object with a `type`
 */
export declare function errorOfHttp(status: number, problem: unknown): AdjournError;
/**
 * @param {string} where the malformed message, for example "an event"
 * @param {unknown} [cause]
 */
export declare function malformed(where: string, cause?: unknown): AdjournError;
/**
 * Returns a thrown value as an AdjournError.
 * @param {unknown} thrown
 */
export declare function asError(thrown: unknown): AdjournError;
