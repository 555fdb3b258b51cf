export * from "../protocol.js";
