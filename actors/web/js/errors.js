/** What can go wrong: refusals as the server names them, and what only a client meets. No I/O. */

/** @import { ErrorType } from "./protocol.js" */

/**
 * A refusal of the server, a fault on the way, or a call that this client can't make.
 *
 * `type` is the server's (`decisionInvalid`, `runNotFound`, `forbidden`, …; see `ErrorType`), or the client's own:
 * `connectionLost`: no answer came; whether the request took effect is unknown. `malformed`: the server said what no
 * adjourn server says. `busy`: the run isn't over. Of a failed run, also `modelError` and `crashLoop`.
 */
export class AdjournError extends Error {
  /**
   * @param {ErrorType | "malformed" | "busy" | (string & {})} type
   * @param {string} message for a person
   * @param {Record<string, any>} [data] what a program may need: `errors` of `decisionInvalid`, `open` of
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
 * The error that a JSON-RPC error object stands for.
 * @param {{ code: number, message: string, data?: Record<string, any> }} fault
 */
export function errorOfRpc({ code, message, data = {} }) {
  const { type = `rpc${code}`, ...rest } = data;
  return new AdjournError(type, message, rest);
}

/**
 * The error that an HTTP refusal stands for: problem+json (RFC 9457), or just a status, whose type is `http404`, say.
 * @param {number} status
 * @param {unknown} problem the decoded body; anything but an object with a `type` is passed over
 */
export function errorOfHttp(status, problem) {
  const retryable = status === 429 || status === 503 ? { retryable: true } : {};
  if (isProblem(problem)) {
    const { type, title, detail, status: _, ...data } = problem;
    return new AdjournError(type, detail ?? title ?? type, { ...retryable, ...data });
  }
  const type = status === 401 ? "unauthorized" : status === 403 ? "forbidden" : `http${status}`;
  return new AdjournError(type, `the server refuses with HTTP status ${status}`, retryable);
}

/**
 * Whether a refusal was said by an adjourn server, and not by something on the way to it.
 * @param {any} value
 * @returns {value is { type: string, title?: string, detail?: string, status?: number }}
 */
function isProblem(value) {
  return typeof value?.type === "string" && value.type !== "about:blank";
}

/**
 * @param {string} where what was said by whom
 * @param {unknown} [cause]
 */
export function malformed(where, cause) {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new AdjournError("malformed", `${where} is not what an adjourn server says${why}`);
}

/**
 * Whatever was thrown, as an AdjournError.
 * @param {unknown} thrown
 */
export function asError(thrown) {
  if (thrown instanceof AdjournError) return thrown;
  return new AdjournError("internal", thrown instanceof Error ? thrown.message : String(thrown));
}
