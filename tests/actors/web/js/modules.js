/**
 * Lets a test, and the client, find the packages of one of the folders beside this: `--import ./react-18/modules.js`.
 */

import { createRequire, registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

/** @param {string} folder the URL of a file in the folder whose `node_modules` count */
export function useModulesOf(folder) {
  const require = createRequire(folder);
  registerHooks({
    resolve(specifier, context, next) {
      const isOurs = context.parentURL && !context.parentURL.includes("/node_modules/");
      const isPackage = !/^(\.|\/|node:|file:)/.test(specifier);
      return isOurs && isPackage
        ? next(pathToFileURL(require.resolve(specifier)).href, context)
        : next(specifier, context);
    },
  });
}
