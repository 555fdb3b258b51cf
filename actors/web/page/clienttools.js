/** The client-side tools that this page executes in a chat. */

/** @import { Execute } from "../js/tools.js" */

/** By name. None changes anything, so each may be executed again. @type {Record<string, Execute>} */
export const CLIENT_TOOLS = {
  time_zone: () => {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    return `${new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "short" }).format()}, in ${timeZone}`;
  },
};
