/** Finds packages in a folder next to this file: `MODULES_OF=react-18 node --import ./modules.js --test react.test.js`.
 */

import { registerHooks } from "node:module";

const folder = new URL(`${process.env.MODULES_OF}/`, import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const isOurs = context.parentURL !== undefined && !context.parentURL.includes("/node_modules/");
    const isPackage = /^[@\w]/.test(specifier) && !/^(node|file):/.test(specifier);
    return next(specifier, isOurs && isPackage ? { ...context, parentURL: folder } : context);
  },
});
