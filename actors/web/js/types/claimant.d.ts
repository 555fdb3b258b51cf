/** The id under which the server knows this page's claims of client-side calls. */
/**
 * Returns a random id of this page. It survives a reload, and no two pages share it.
 *
 * The id is in sessionStorage only while the page is unloaded: a duplicated tab gets a copy of sessionStorage, and must
 * not find the id of a living page there.
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
