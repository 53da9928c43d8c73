#!/usr/bin/env node
// Starts the program. Written for old Nodes too, so that they can say in one line what is wrong; the only place that
// ends the process. No top-level await: an event loop that runs dry in it would end with status 13, which means "uncertain".

const NEEDED = [22, 22];
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

// Until the program has answered it has failed: an event loop that runs dry must not look like success.
process.exitCode = 1;

if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  process.stderr.write(`rescue needs Node ${NEEDED.join(".")} or newer; this is Node ${process.versions.node}\n`);
  process.exitCode = 2;
} else {
  start().catch((error) => {
    const notBuilt = error && error.code === "ERR_MODULE_NOT_FOUND" && /dist.cli.main\.js/.test(error.message);
    process.stderr.write(notBuilt ? "rescue is not built here; run: npm run build\n" : `${error.stack || error}\n`);
  });
}

async function start() {
  const args = process.argv.slice(2);
  // To read the cache costs more than to say the version.
  if (args[0] !== "--version") await enableCompileCache();
  const { main } = await import("../dist/cli/main.js");
  const { processIo } = await import("../dist/cli/io.js");
  process.exitCode = await main(args, processIo(process, stopOnSignal()));
}

// In the user's own cache: the default is a folder in /tmp that another user may have made first, with code of theirs.
async function enableCompileCache() {
  const { join } = await import("node:path");
  const base = process.env.XDG_CACHE_HOME || (process.env.HOME && join(process.env.HOME, ".cache"));
  if (base) (await import("node:module")).enableCompileCache(join(base, "rescue", "compile"));
}

// First signal: finish the current step. Second: at once; what was recorded stands, and the next run looks.
function stopOnSignal() {
  const controller = new AbortController();
  const stop = (signal) => {
    if (controller.signal.aborted) process.exit(130);
    process.stderr.write(`${signal}: finishing the current step; again to stop at once\n`);
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}
