/** Errors: the server's refusals by their types, and the client's own. No I/O. */
import type { ErrorType } from "./protocol.js";
/** @import { ErrorType } from "./protocol.js" */
/**
 * A refusal by the server, a lost connection, or a call that this client can't make.
 *
 * `type` is the server's (`decisionInvalid`, `runNotFound`, `forbidden`, …; see `ErrorType`), or the client's own:
 * `connectionLost`: there was no answer; whether the request took effect is unknown. `malformed`: the server sent
 * something that no adjourn server sends. `busy`: the run has not ended. A failed run may also have `modelError` or
 * `crashLoop`.
 */
export declare class AdjournError extends Error {
    type: "busy" | "malformed" | ErrorType | (string & {});
    data: Record<string, any>;
    /** Whether the same call may succeed later. */
    retryable: boolean;
    /**
     * @param {ErrorType | "malformed" | "busy" | (string & {})} type
     * @param {string} message for a person
     * @param {Record<string, any>} [data] for programs: `errors` of `decisionInvalid`, `open` of `toolCallIdRequired`, …
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
 * Makes an error from an HTTP refusal: problem+json (RFC 9457), or only a status; then the type is `http404`, for
 * example.
 * @param {number} status
 * @param {unknown} problem the decoded body; ignored unless it is an object with a `type`
 */
export declare function errorOfHttp(status: number, problem: unknown): AdjournError;
/**
 * @param {string} where what was malformed, and from where
 * @param {unknown} [cause]
 */
export declare function malformed(where: string, cause?: unknown): AdjournError;
/**
 * Returns a thrown value as an AdjournError.
 * @param {unknown} thrown
 */
export declare function asError(thrown: unknown): AdjournError;
