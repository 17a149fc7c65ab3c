// `npm run bench`: installs and builds what is missing, then measures.
import { prepare } from "../scripts/prepare.mjs";

prepare();
const { bench } = await import("../build/bench/main.js");
process.exitCode = await bench(process.argv.slice(2));
