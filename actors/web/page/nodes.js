/** Which other nodes of a shared store the page may use when it loses its server. No I/O. */

const THIS_MACHINE = ["127.0.0.1", "localhost"];

/**
 * Returns the base URLs of the nodes that this page may use, each with a slash at its end.
 *
 * A node at a loopback address is a node of this machine only if the server that names it is at a loopback address too,
 * and at the very port where the page has reached it: not behind a proxy or a tunnel. A page that came by https can't
 * use http.
 * @param {string} base where the page has reached the server
 * @param {string} own where browsers reach that server, by its own word
 * @param {readonly string[]} nodes where browsers reach the others
 */
export function usableNodes(base, own, nodes) {
  const [here, named] = [new URL(base), new URL(own)];
  const isDirect = isLocal(here) && isLocal(named) && here.port === named.port;
  return nodes
    .map((node) => new URL(node.endsWith("/") ? node : `${node}/`))
    .filter((node) => (isLocal(node) ? isDirect : here.protocol === "http:" || node.protocol === "https:"))
    .map((node) => node.href);
}

/** @param {URL} url */
function isLocal({ hostname }) {
  return THIS_MACHINE.includes(hostname);
}
