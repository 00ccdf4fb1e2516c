// What a kernel loads in place of Pyodide's own script: that script, with these changes.
// - None in a message arrives as null, as from any other kernel, and not as undefined.
// - All packages are loaded together, and the standard library is the compiled one if the site carries it.
// - Names are completed without jedi, which would take longer to load than all of the course.
// - Where Pyodide comes from the public network, its list of packages is the course's own. Pyodide looks for a relative
//   address of that list where its own files are, so each is made absolute.
const PUBLIC = {{ public | tojson }}; // "" where Pyodide is in the site
const PACKAGES = {{ packages | tojson }};
const STDLIB = {{ stdlib | tojson }}; // "" where it is Pyodide's own
const STARTUP = "/home/pyodide/.ipython/profile_default/startup"; // IPython runs what is there

const nulls = (value) => {
  if (Array.isArray(value)) value.forEach((one, n) => { value[n] = nulls(one); });
  else if (value instanceof Map) for (const [key, one] of value) value.set(key, nulls(one));
  return value ?? null;
};

async function ownList(address) {
  const list = await (await fetch(address)).json();
  for (const one of Object.values(list.packages)) one.file_name = new URL(one.file_name, address).href;
  return URL.createObjectURL(new Blob([JSON.stringify(list)], { type: "application/json" }));
}

self.loadPyodide = async ({ indexURL, lockFileURL, ...options }) => {
  const home = PUBLIC || indexURL;
  importScripts(`${home}pyodide.js`); // in the place of this function
  const list = PUBLIC ? await ownList(lockFileURL) : lockFileURL;
  const stdlib = STDLIB ? { stdLibURL: lockFileURL.replace(/[^/]*$/, STDLIB) } : {};
  const own = { indexURL: home, lockFileURL: list, packages: PACKAGES, ...stdlib };
  const python = await self.loadPyodide({ ...options, ...own });
  python.FS.mkdirTree(STARTUP);
  python.FS.writeFile(`${STARTUP}/course.py`, "get_ipython().Completer.use_jedi = False\n");
  const { prototype } = python.ffi.PyProxy;
  const { toJs } = prototype;
  prototype.toJs = function (...how) {
    return nulls(toJs.apply(this, how));
  };
  return python;
};
