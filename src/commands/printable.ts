export { printable } from "../platform/printable.js";
