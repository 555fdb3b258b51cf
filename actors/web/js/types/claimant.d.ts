/** By what the server knows this page's claims of client-side calls. */
/**
 * A random id of this page: it survives a reload, and no two pages have it.
 *
 * It rests in sessionStorage only while its page is going: a duplicated tab gets a copy of sessionStorage, and must not
 * find there what a living page uses.
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
