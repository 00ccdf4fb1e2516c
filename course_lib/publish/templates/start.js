// What a kernel loads in place of Pyodide's own script: that script, with two changes.
// - None in a message arrives as null, as from any other kernel, and not as undefined.
// - Where Pyodide comes from the public network, its list of packages is the course's own. Pyodide looks for a relative
//   address of that list where its own files are, so each is made absolute.
const PUBLIC = {{ public | tojson }}; // "" where Pyodide is in the site

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
  const python = await self.loadPyodide({ ...options, indexURL: home, lockFileURL: list });
  const { prototype } = python.ffi.PyProxy;
  const { toJs } = prototype;
  prototype.toJs = function (...how) {
    return nulls(toJs.apply(this, how));
  };
  return python;
};
