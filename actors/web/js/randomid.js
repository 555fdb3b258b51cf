/** Makes unique ids of 128 random bits. */

/** Returns 32 hexadecimal digits. Not `randomUUID`: a page loaded over plain HTTP lacks it. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
