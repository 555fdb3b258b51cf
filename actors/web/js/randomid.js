/** Ids that nobody else makes: 128 random bits. */

/** 32 hexadecimal digits. Not `randomUUID`: a page that came over plain HTTP has none. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
