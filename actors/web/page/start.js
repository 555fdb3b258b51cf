/** Opens the page. */

import { App } from "./app.js";

new App();
