// Without these scripts all can be read: they draw charts, sort and filter tables, and keep the theme that was chosen.
const root = document.documentElement;
const NAME = "bench-theme";
const MISSING = new Set(["", "-", "–", "—"]);

// a file of one's own disk may have no storage
const stored = (theme) => {
  try {
    if (theme === undefined) return localStorage.getItem(NAME);
    localStorage.setItem(NAME, theme);
  } catch {}
  return null;
};
const kept = stored();
if (kept === "light" || kept === "dark") root.dataset.theme = kept; // before anything is drawn

const themes = () => {
  const button = document.getElementById("_theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const name = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${dark() ? "light" : "dark"} theme`);
  };
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    stored(root.dataset.theme);
    name();
  });
  system.addEventListener("change", name);
  button.hidden = false;
  name();
};

// a number, a text, or nothing
const keyOf = (cell) => {
  const text = cell.textContent.trim();
  if (MISSING.has(text)) return null;
  const number = Number(cell.dataset.key ?? text);
  return Number.isNaN(number) ? text : number;
};
const words = new Intl.Collator("en", { numeric: true });

// Numbers, then texts, then what is missing; only within a kind does the direction count. But a column of texts
// alone is ordered as texts are.
const order = (a, b, sign) => {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return sign * (typeof a === "number" ? a - b : words.compare(a, b));
};

const sortable = (table) => {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 2) return;
  const heads = [...table.tHead.rows[0].cells];
  const original = [...body.rows];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")];
      heads.forEach((other) => other.setAttribute("aria-sort", other === head ? next : "none"));
      let rows = original;
      if (next !== "none") {
        const sign = next === "ascending" ? 1 : -1;
        const keyed = original.map((row) => [keyOf(row.cells[column]), row]);
        rows = keyed.sort(([a], [b]) => order(a, b, sign)).map(([, row]) => row);
      }
      body.append(...rows);
    });
  });
};

// which page is shown, in the list of pages and in the window's title
const here = () => {
  const title = document.title.split(" – ").pop();
  const target = document.querySelector(":target");
  const page = target?.id === "_all" ? target : (target?.closest("section") ?? document.querySelector("section"));
  for (const link of document.querySelectorAll("nav a")) {
    const current = link.hash === `#${page.id}`;
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    const list = link.closest("nav");
    if (current) list.scrollTop = link.offsetTop - list.offsetTop - list.clientHeight / 3; // the page stays where it is
  }
  const heading = page.id === "_all" ? "" : page.querySelector("h1")?.textContent;
  document.title = heading && heading !== title ? `${heading} – ${title}` : title;
};

document.addEventListener("DOMContentLoaded", () => {
  themes();
  document.querySelectorAll("main table").forEach(sortable);
  filters();
  charts();
});
const arrive = () => {
  read();
  here();
  count();
};
addEventListener("load", arrive); // :target is not known before
addEventListener("hashchange", arrive);
