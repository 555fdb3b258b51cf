import { useModulesOf } from "../modules.js";

useModulesOf(import.meta.url);
