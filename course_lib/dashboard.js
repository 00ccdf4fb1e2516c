export default { render({ model, el }) { el.textContent = JSON.stringify(model.get("now")); model.on("change:now", () => el.textContent = JSON.stringify(model.get("now"))); } };
