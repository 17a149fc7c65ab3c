// `npm run bench`: installs and builds what is missing, then measures.
import { prepare } from "../scripts/prepare.mjs";

prepare();
const { bench } = await import("../build/bench/main.js");
const code = await bench(process.argv.slice(2));
// Also when something that was started cannot be ended: the document must reach who waits for it.
process.stdout.write("", () => process.exit(code));
