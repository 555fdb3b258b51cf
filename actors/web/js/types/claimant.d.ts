/** The claimant: a random id that identifies this page's claims of client-side calls to the server. */
/**
 * Returns this page's random id. The id survives a reload, and no two pages share one.
 *
 * The id is in sessionStorage only while the page is unloaded. Otherwise a duplicated tab, which gets a copy of
 * sessionStorage, would find the id of a living page there.
 * @param {{ sessionStorage?: Storage, addEventListener?: typeof globalThis.addEventListener }} [page]
 */
export declare function pageClaimant(page?: {
    sessionStorage?: Storage;
    addEventListener?: typeof globalThis.addEventListener;
}): string;
/**
 * @param {{ sessionStorage?: Storage, addEventListener?: typeof globalThis.addEventListener }} page
 * @returns {string}
 */
export declare function takeClaimant(page: {
    sessionStorage?: Storage;
    addEventListener?: typeof globalThis.addEventListener;
}): string;
