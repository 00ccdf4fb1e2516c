// What a kernel loads in place of Pyodide's own script, where Pyodide comes from the public network: that script, with the
// course's own list of packages. Addresses in the list are seen from where the list is.
importScripts("{{ public }}pyodide.js");
const loadFromNetwork = self.loadPyodide;
self.loadPyodide = async (options) => {
  const list = await (await fetch(options.lockFileURL)).json();
  for (const one of Object.values(list.packages)) one.file_name = new URL(one.file_name, options.lockFileURL).href;
  const text = new Blob([JSON.stringify(list)], { type: "application/json" });
  return loadFromNetwork({ ...options, indexURL: "{{ public }}", lockFileURL: URL.createObjectURL(text) });
};
