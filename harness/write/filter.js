// What is shown of a page: some models, some tasks, rows with some words. It stands in the address behind the page's
// name, `#sfc&models=GRU,LSTM-S&rows=5%2C9`, so that a view can be sent. Nothing chosen of a kind is all of it.
const KINDS = { models: "Model", tasks: "Task", protocols: "Protocol", tracks: "Track", budgets: "Budget" }; // columns
const chosen = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, new Set()]));
const offered = {}; // kind -> value -> what it is called
let sought = "";

const short = (title) => title.replace(/ \(revision \d+\)| ?[‡†]/g, "").trim();
const isTask = (section) => section.querySelector("h1 > code");
// a heading that is of one task or budget: `code` of a task that has a page, or "budget 6k"
const taskOf = (heading) => [...heading.querySelectorAll("code")].map((code) => code.textContent).find((name) => offered.tasks.has(name));
const budgetOf = (heading) => heading.textContent.match(/\bbudget:? (\w+)/i)?.[1];

const passes = (kind, value) => !chosen[kind].size || chosen[kind].has(value) || !offered[kind].has(value);
const columns = (table) => {
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  return Object.entries(KINDS).map(([kind, word]) => [kind, heads.indexOf(word)]).filter(([, at]) => at >= 0);
};
const valueAt = (row, at) => short(row.cells[at].textContent);

const find = () => {
  for (const kind in KINDS) offered[kind] = new Map();
  const sections = [...document.querySelectorAll("section")];
  for (const section of sections.filter(isTask)) {
    const title = section.querySelector("h1").textContent;
    offered.tasks.set(isTask(section).textContent, title.replace(/ \([^()]*\)$/, ""));
  }
  const own = sections.some(isTask) ? sections.filter(isTask) : sections; // other pages have the models of papers as well
  for (const section of sections) {
    for (const heading of section.querySelectorAll("h2")) if (budgetOf(heading)) offered.budgets.set(budgetOf(heading), budgetOf(heading));
    for (const table of section.querySelectorAll("table")) {
      for (const [kind, at] of columns(table)) {
        if (kind === "tasks" || kind === "budgets" || (kind === "models" && !own.includes(section))) continue;
        for (const row of table.tBodies[0]?.rows ?? []) offered[kind].set(valueAt(row, at), valueAt(row, at));
      }
    }
  }
};

// Rows, sections of a page, and links to tasks' pages. Charts take the rows of their data by `keeps`.
const keeps = (row) => passes("models", short(String(row.model ?? ""))) && passes("tasks", row.task);
const isOn = (row, among) =>
  among.every(([kind, at]) => passes(kind, valueAt(row, at))) && sought.toLowerCase().split(" ").every((word) => row.textContent.toLowerCase().includes(word));
const apply = () => {
  for (const table of document.querySelectorAll("main table")) {
    const rows = [...(table.tBodies[0]?.rows ?? [])];
    const among = columns(table);
    for (const row of rows) row.hidden = !isOn(row, among);
    table.parentNode.classList.toggle("none", rows.length > 0 && rows.every((row) => row.hidden));
  }
  for (const heading of document.querySelectorAll("section:not(#index) h2")) {
    const hidden = !passes("tasks", taskOf(heading)) || !passes("budgets", budgetOf(heading));
    heading.hidden = hidden;
    for (let part = heading.nextElementSibling; part && !part.matches("h2, .steps"); part = part.nextElementSibling) part.hidden = hidden;
  }
  for (const link of document.querySelectorAll("nav li > a, .pages li > a")) {
    const section = document.getElementById(link.hash.slice(1));
    const task = section?.matches("section") && isTask(section)?.textContent;
    link.parentNode.hidden = Boolean(task) && !passes("tasks", task);
  }
  count();
};

const count = () => {
  const rows = [...document.querySelectorAll("main tbody tr")].filter((row) => row.closest("section").checkVisibility());
  const some = sought || Object.values(chosen).some((values) => values.size);
  document.getElementById("_count").textContent = some ? `${rows.filter((row) => row.checkVisibility()).length} of ${rows.length} rows` : "";
};

const state = () => [
  ...Object.entries(chosen).filter(([, values]) => values.size).map(([kind, values]) => `${kind}=${[...values].map(encodeURIComponent)}`),
  ...(sought ? [`rows=${encodeURIComponent(sought)}`] : []),
];
const write = () => {
  const hash = [location.hash.slice(1).split("&")[0], ...state()].join("&");
  history.replaceState(history.state, "", hash || location.hash ? `#${hash}` : location.href);
};
const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

// What the address says holds; an address that says nothing, as links within the file do, leaves all as it is.
const read = () => {
  const [name, ...words] = location.hash.slice(1).split("&");
  if (!words.length) return write();
  for (const values of Object.values(chosen)) values.clear();
  sought = "";
  for (const [kind, text = ""] of words.map((word) => word.split("="))) {
    if (kind === "rows") sought = decoded(text);
    for (const value of Object.hasOwn(chosen, kind) ? text.split(",").map(decoded) : []) if (offered[kind].has(value)) chosen[kind].add(value);
  }
  if (document.getElementById(name) && !document.querySelector(":target")) {
    location.replace(`#${name}`); // the browser shows that page and keeps to it when the rest comes back
    write();
  }
  for (const box of document.querySelectorAll(".filter input")) box.checked = chosen[box.name].has(box.value);
  document.getElementById("_rows").value = sought;
  apply();
  redraw();
};

const made = (tag, words = {}, ...parts) => {
  const element = Object.assign(document.createElement(tag), words);
  element.append(...parts);
  return element;
};
const changed = () => {
  write();
  apply();
  redraw();
};

const filters = () => {
  find();
  const search = made("input", { type: "search", id: "_rows", placeholder: "Find rows", ariaLabel: "Find rows of the tables" });
  search.addEventListener("input", () => {
    sought = search.value.trim();
    write();
    apply();
  });
  const sets = Object.entries(offered).filter(([, values]) => values.size > 1).map(([kind, values]) => {
    const boxes = [...values].map(([value, title]) => made("label", {}, made("input", { type: "checkbox", name: kind, value }), title));
    return made("fieldset", {}, made("legend", {}, `${KINDS[kind]}s`), made("div", {}, ...boxes));
  });
  const all = made("button", { type: "button" }, "Show everything");
  const panel = made("details", { className: "filter" }, made("summary", {}, "Filter"), made("div", {}, ...sets, all));
  panel.addEventListener("change", ({ target }) => {
    chosen[target.name][target.checked ? "add" : "delete"](target.value);
    changed();
  });
  all.addEventListener("click", () => {
    for (const box of panel.querySelectorAll(":checked")) box.checked = false;
    for (const values of Object.values(chosen)) values.clear();
    search.value = sought = "";
    changed();
  });
  panel.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    panel.open = false;
    panel.querySelector("summary").focus();
  });
  document.addEventListener("pointerdown", ({ target }) => panel.contains(target) || (panel.open = false));
  const parts = [made("output", { id: "_count" }), search, ...(sets.length ? [panel] : [])];
  document.getElementById("_theme").before(...parts);
};
