/** Errors: refusals by the server, and the client's own errors. No I/O. */

/** @import { ErrorType } from "./protocol.js" */

/**
 * A refusal by the server, a lost connection, or a call that this client can't make.
 *
 * `type` is one of the server's types (`decisionInvalid`, `runNotFound`, `forbidden`, …; see `ErrorType`), or one of
 * the client's: `connectionLost`: there was no answer, and the request may have taken effect or not. `malformed`: the
 * server's message is not valid. `busy`: the run has not ended. The error of a failed run may also have the type
 * `modelError` or `crashLoop`.
 */
export class AdjournError extends Error {
  /**
   * @param {ErrorType | "malformed" | "busy" | (string & {})} type
   * @param {string} message text for people
   * @param {Record<string, any>} [data] data for programs: `errors` of `decisionInvalid`, `open` of
   *   `toolCallIdRequired`, …
   */
  constructor(type, message, data = {}) {
    super(message);
    this.name = "AdjournError";
    this.type = type;
    this.data = data;
    /** Whether the same call may succeed later. */
    this.retryable = data.retryable === true || type === "connectionLost";
  }
}

/**
 * Makes an error from a JSON-RPC error object.
 * @param {{ code: number, message: string, data?: Record<string, any> }} fault
 */
export function errorOfRpc({ code, message, data = {} }) {
  const { type = `rpc${code}`, ...rest } = data;
  return new AdjournError(type, message, rest);
}

/**
 * Makes an error from a refused HTTP request: from its problem+json (RFC 9457), or only from its status; then the type
 * is `http404`, for example.
 * @param {number} status
 * @param {unknown} problem the decoded body; ignored unless it is an object with a `type`
 */
export function errorOfHttp(status, problem) {
  const retryable = status === 429 || status === 503 ? { retryable: true } : {};
  if (isProblem(problem)) {
    const { type, title, detail, status: _, ...data } = problem;
    return new AdjournError(type, detail ?? title ?? type, { ...retryable, ...data });
  }
  const type = status === 401 ? "unauthorized" : status === 403 ? "forbidden" : `http${status}`;
  return new AdjournError(type, `the server refused the request with HTTP status ${status}`, retryable);
}

/**
 * Returns whether the body is an error of an adjourn server, not of a proxy before it.
 * @param {any} value
 * @returns {value is { type: string, title?: string, detail?: string, status?: number }}
 */
function isProblem(value) {
  return typeof value?.type === "string" && value.type !== "about:blank";
}

/**
 * @param {string} where the malformed message, for example "an event"
 * @param {unknown} [cause]
 */
export function malformed(where, cause) {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new AdjournError("malformed", `${where} is not what an adjourn server sends${why}`);
}

/**
 * Returns a thrown value as an AdjournError.
 * @param {unknown} thrown
 */
export function asError(thrown) {
  if (thrown instanceof AdjournError) return thrown;
  return new AdjournError("internal", thrown instanceof Error ? thrown.message : String(thrown));
}
