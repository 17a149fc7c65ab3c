// Preloaded (node --import) into a real run: kills the process right before the KILL_AT-th change that it would make to
// the file system, or in the middle of a write. Without KILL_AT it counts them into KILL_COUNT.
import { appendFileSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const killAt = Number(process.env.KILL_AT ?? 0);
let count = 0;

function next(what) {
  count += 1;
  if (process.env.KILL_COUNT) appendFileSync(process.env.KILL_COUNT, `${what}\n`);
  if (count === killAt) process.kill(process.pid, "SIGKILL");
}

for (const name of ["rename", "mkdir", "rm", "rmdir", "unlink", "chmod", "chown"]) {
  const real = fs[name];
  fs[name] = (...args) => {
    next(name);
    return real(...args);
  };
}

const realOpen = fs.open;
fs.open = async (path, flags, ...rest) => {
  const writes = typeof flags === "string" && /[wa+]/.test(flags);
  if (writes) next("open");
  const handle = await realOpen(path, flags, ...rest);
  if (writes) {
    const realWrite = handle.writeFile.bind(handle);
    handle.writeFile = async (data) => {
      const bytes = Buffer.from(data);
      // Half of it is there, then the end.
      if (count + 1 === killAt) await handle.write(bytes.subarray(0, bytes.length >> 1));
      next("write");
      return realWrite(data);
    };
  }
  return handle;
};
syncBuiltinESMExports();
