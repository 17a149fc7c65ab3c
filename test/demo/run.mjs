// `npm run demo`: installs and builds what is missing, then plays the demo.
import { prepare } from "../../scripts/prepare.mjs";

prepare();
const { demo } = await import("../../build/test/demo/main.js");
process.exitCode = await demo(process.argv.slice(2));
