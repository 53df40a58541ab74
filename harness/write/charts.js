// Charts are drawn when they come near, and the rest in idle time, so that a printed page has all of them; again where
// what is shown has changed.
const waiting = new Set();
let near;

const data = (columns) => {
  const whole = Object.entries(columns).map(([name, one]) => [name, Array.isArray(one) ? one : one.at.map((i) => one.of[i])]);
  return (whole[0]?.[1] ?? []).map((_, i) => Object.fromEntries(whole.map(([name, values]) => [name, values[i]])));
};

// only what is chosen, in the data and in the key
const pick = (spec) => {
  const models = new Set();
  const tasks = new Set();
  const places = new Set();
  for (const rows of Object.values(spec.datasets)) {
    for (const row of rows.filter(keeps)) {
      if (row.model !== undefined) models.add(row.model);
      if (row.task !== undefined) tasks.add(row.task);
    }
  }
  if (!spec.usermeta?.beside) for (const name in spec.datasets) spec.datasets[name] = spec.datasets[name].filter(keeps);
  if (chosen.models.size) for (const name in spec.datasets) if (name.startsWith("stairs")) spec.datasets[name] = []; // of all
  for (const row of Object.values(spec.datasets).flat()) if (row.row !== undefined) places.add(row.row);
  const keys = (part) => {
    if (part === null || typeof part !== "object") return;
    const { domain, range } = part.scale ?? {};
    if (part.field === "model" && Array.isArray(range)) {
      part.scale.range = range.filter((_, i) => keeps({ model: domain[i] }));
      part.scale.domain = domain.filter((model) => keeps({ model }));
    }
    if (part.field === "row" && Array.isArray(domain)) part.scale.domain = domain.filter((row) => places.has(row));
    for (const [name, inner] of Object.entries(part)) if (name !== "datasets") keys(inner);
  };
  keys(spec);
  return [models.size, tasks.size];
};

const PHONE = 640;
// The map of the first screen takes the room there is; its rows are as many as its models.
const fitMap = (spec, room, [models, tasks]) => {
  const thin = room < 480;
  Object.assign(spec, { width: Math.min(room, 190 + 64 * tasks), autosize: { type: "fit-x", contains: "padding" } });
  spec.height = (innerWidth < PHONE ? 22 : 18) * models;
  if (thin) spec.layer = spec.layer.filter((layer) => layer.mark.dx === undefined); // stripes; ‡ says it too
  for (const { mark, encoding } of spec.layer) {
    if (mark.dx) mark.dx = Math.sign(mark.dx) * Math.min(20, (room - 180) / tasks / 2 - 4);
    if (thin && mark.type === "text") mark.fontSize = 9;
    Object.assign(encoding.y.axis, thin ? { labelLimit: 125, labelFontSize: 9 } : {});
  }
  for (const row of thin ? Object.values(spec.datasets).flat() : []) row.text = row.text.endsWith(".00") ? row.text[0] : row.text.replace(/^0/, "");
};
// the picture of cost there has its key beside it, or on a phone below it
const fitCost = (spec, { legend }, room) => {
  const thin = room < 480;
  for (const view of spec.concat) Object.assign(view, { width: thin ? room - 70 : (room - 320) / spec.concat.length, height: 170 });
  Object.assign(spec, { columns: thin ? 1 : spec.columns });
  const beside = { orient: "right", direction: "vertical", columns: 1, rowPadding: 1 };
  Object.assign(legend, { labelFontSize: 10 }, thin ? { columns: 2, labelLimit: 130 } : beside);
};

// on a phone rows take the room there is, with their names and what stands at their ends
const fitRows = (spec, room) => {
  Object.assign(spec, { width: room, autosize: { type: "fit-x", contains: "padding" } });
  for (const { encoding } of spec.layer) if (encoding.y?.axis) Object.assign(encoding.y.axis, { labelLimit: 115, labelFontSize: 10 });
};

// on a phone panels stand below each other, and keys below panels
const narrow = (part, most) => {
  if (part === null || typeof part !== "object") return;
  if (part.usermeta?.beside || part.usermeta?.wide) return; // these share their rows, or have no room to lose
  if (part.concat) part.columns = 1;
  if (part.width > most) part.width = most;
  if (part.legend?.orient === "right") Object.assign(part.legend, { orient: "bottom", direction: "horizontal", columns: 2 });
  for (const [name, inner] of Object.entries(part)) if (name !== "datasets") narrow(inner, most);
};

const shown = new WeakMap(); // box -> what was drawn there last
const drawing = ({ charts, config: shared }) => async (box) => {
  if (!waiting.delete(box)) return;
  const before = shown.get(box);
  const spec = structuredClone(charts[box.dataset.chart]);
  const config = structuredClone(shared);
  for (const [name, columns] of Object.entries(spec.datasets)) spec.datasets[name] = data(columns);
  const sizes = pick(spec);
  const room = box.closest(".shows") && (box.closest("figure").clientWidth || Math.min(innerWidth - 40, 640)); // 0: unseen
  const isMap = room && spec.layer?.some((layer) => layer.encoding.y?.field === "model");
  if (isMap) fitMap(spec, room, sizes);
  else if (room && spec.concat) fitCost(spec, config, room);
  else if (innerWidth < PHONE && spec.layer?.some(({ encoding }) => encoding?.y?.field === "row")) fitRows(spec, innerWidth - 40);
  else if (innerWidth < PHONE) {
    narrow(spec, innerWidth - 110);
    config.legend.columns = 1;
    box.classList.toggle("wide", Boolean(spec.usermeta?.beside || spec.usermeta?.wide));
  }
  const tooltip = { disableDefaultStyle: true };
  const options = { mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, logLevel: 1, tooltip, config };
  const words = box.ariaLabel;
  const embed = async () => {
    (await before)?.finalize();
    box.textContent = "";
    const { finalize } = await vegaEmbed(box, spec, options);
    for (const svg of box.querySelectorAll("svg")) {
      svg.setAttribute("aria-hidden", "true"); // the box has its sentence
      box.classList.toggle("tall", svg.height.baseVal.value > 1.3 * svg.width.baseVal.value); // a printed page's height
    }
    return { finalize };
  };
  const drawn = embed().catch(() => void (box.textContent = words)); // what it shows, in words
  shown.set(box, drawn);
  await drawn;
};

const idle = (then) => (window.requestIdleCallback ?? setTimeout)(then);
let draw;
const rest = async () => {
  for (const box of document.querySelectorAll("[data-chart]")) {
    await draw(box);
    await new Promise(idle);
  }
};
const redraw = () => {
  if (!near) return;
  for (const box of document.querySelectorAll("[data-chart]")) {
    waiting.add(box);
    near.unobserve(box); // so that it says anew which are near
    near.observe(box);
  }
  idle(rest);
};

const charts = () => {
  const holder = document.getElementById("_charts");
  if (!holder || !window.vegaEmbed) return;
  draw = drawing(JSON.parse(holder.textContent));
  near = new IntersectionObserver((seen) => seen.forEach((one) => one.isIntersecting && draw(one.target)), { rootMargin: "600px" });
  redraw();
};
