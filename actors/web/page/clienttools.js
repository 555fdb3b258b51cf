/** The client-side tools that this page executes in a chat. */

/** @import { Execute } from "../js/tools.js" */

/** By name. They only read, so they may be executed again after a reload. @type {Record<string, Execute>} */
export const CLIENT_TOOLS = {
  time_zone: () => {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    return `${new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "short" }).format()}, in ${timeZone}`;
  },
};
