// Runs a Python program in Pyodide under Node, with what a kernel of the browser build loads:
// node run.cjs FOLDER PROGRAM [FOLDER-THAT-PYTHON-SEES-AS-/tests]
const path = require("node:path");
const fs = require("node:fs");
const [folder, program, tests] = process.argv.slice(2).map((name) => path.resolve(name));

globalThis.self = globalThis; // as in a browser's worker
globalThis.importScripts = (name) => Object.assign(self, require(name));
require(path.join(folder, "start.js"));

(async () => {
  const python = await self.loadPyodide({
    indexURL: folder + path.sep,
    lockFileURL: path.join(folder, "lock.json"),
    env: { HOME: "/home/pyodide", COURSE_WORK: "/work", COURSE_QUICK: "1" },
  });
  python.FS.mkdirTree("/tests");
  if (tests) python.FS.mount(python.FS.filesystems.NODEFS, { root: tests }, "/tests");
  python.FS.mkdirTree("/work");
  await python.runPythonAsync(fs.readFileSync(program, "utf8"));
})().catch((error) => {
  console.error(error.message ?? error);
  process.exitCode = 1;
});
