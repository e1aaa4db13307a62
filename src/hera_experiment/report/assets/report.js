"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const run = data.run, tasks = data.tasks;
const $ = (id) => document.getElementById(id);

// Text becomes text and nothing else: whatever a task is called, no markup comes of it.
function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}
const show = (id, ...content) => { $(id).hidden = false; $(id).append(...content); };
const SYMBOLS = { Succeeded: "✔", Failed: "✖", Error: "✖", Running: "●", Pending: "◷", Skipped: "○", Omitted: "○" };
const KINDS = { Succeeded: "good", Failed: "bad", Error: "bad", Running: "going", Pending: "waits" };
const phased = (phase) => h("span", { class: KINDS[phase] || "soft" }, `${SYMBOLS[phase] || ""} ${phase}`.trim());
const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function duration(seconds) {
  if (seconds === undefined || seconds === null) return "";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (number >= 1000 && unit < 4) { number /= 1000; unit += 1; }
  return `${unit && number < 100 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}
function moment(stamp) {
  const date = new Date(stamp);
  return stamp && !isNaN(date) ? date.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" }) : "";
}
const waited = (task) => (task.queued === undefined || task.began === undefined ? undefined : task.began - task.queued);
const ran = (task) => (task.began === undefined || task.ended === undefined ? undefined : task.ended - task.began);
const facts = (pairs) => h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== "" && value !== undefined && value !== null)
  .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
function table(heads, rows) {
  return h("div", { class: "wide" }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", { class: row.changed ? "changed" : "" },
      (row.cells || row).map((cell) => h("td", { class: "value" }, cell)))))));
}
const folded = (title, ...content) => h("details", {}, h("summary", {}, title), ...content);

// --- what to type -----------------------------------------------------------------------------
const word = (value) => (/^[A-Za-z0-9_.\/-]+$/.test(value) ? value : `'${value.replace(/'/g, "'\\''").replace(/\$/g, "$$$$")}'`);
function command(line) {
  const button = h("button", { type: "button", onclick: async () => {
    try { await navigator.clipboard.writeText(line); button.textContent = "copied"; }
    catch { getSelection().selectAllChildren(code); }
  } }, "copy");
  const code = h("code", {}, line);
  return h("div", { class: "command" }, code, button);
}
function placeCommands(name) {
  if (!name || !run.hasEnded) return [];
  const verb = run.isLocal ? "run" : "submit";
  return [`make ${verb} FROM=${word(name)} RUN=${run.name}`, `make ${verb} ONLY=${word(name)} RUN=${run.name}`];
}
function taskCommands(task) {
  const named = `RUN=${run.name} TASK=${word(task.name)}`;
  const failed = task.phase === "Failed" || task.phase === "Error";
  return [
    ...(failed && !run.isLocal ? [`make replay ${named}`] : []),
    ...placeCommands(labelOf(task.place)),
    ...(task.began === undefined ? [] : [`make logs ${named}`]),
  ];
}
const labelOf = (place) => (place || "").split("/").pop().replace(/\.(onExit|hooks\..*)$/, "");

// --- head -------------------------------------------------------------------------------------
const counts = {};
for (const task of tasks) counts[task.phase] = (counts[task.phase] || 0) + 1;
$("name").append(run.name);
$("verdict").append(h("span", { class: KINDS[run.phase] || "soft" }, `${SYMBOLS[run.phase] || ""} ${run.verdict}`));
const where = run.isLocal ? `this machine${run.runtime ? ` (${run.runtime})` : ""}`
  : `${run.cluster || "the cluster of the settings"}, namespace ${run.namespace}`;
const busy = tasks.reduce((sum, task) => sum + (ran(task) || 0), 0);
show("summary", facts([
  ["Began", moment(run.began)],
  // Argo tells the times of a workflow in whole seconds.
  ["Took", `${run.seconds === 0 ? "less than 1 s" : duration(run.seconds)}${run.hasEnded ? "" : " so far"}`],
  ["Tasks", h("span", {}, Object.entries(counts).flatMap(([phase, count], index) => [index ? ", " : "", `${count} `, phased(phase)]),
    ` – ${duration(busy)} in all`)],
  ["Ran on", where],
  ["Note", run.note || ""],
  ["Script", [run.script, run.inputs].filter(Boolean).join(" ")],
  ["Message", run.message],
]), ...data.remarks.map((remark) => h("p", { class: "waits" }, remark)));
if (run.hasEnded && (run.phase === "Failed" || run.phase === "Error")) {
  const failed = tasks.find((task) => task.phase === "Failed" || task.phase === "Error");
  const lines = run.isLocal ? [`make run RESUME=1 RUN=${run.name}`] : [`make retry RUN=${run.name}`];
  $("summary").append(h("h3", {}, "To go on"), ...lines.map(command),
    ...(failed ? taskCommands(failed).filter((line) => /FROM|replay/.test(line)).map(command) : []));
}
for (const failure of data.failures) {
  show("failures", h("div", { class: "failure" }, h("h3", {}, failure.head),
    failure.lines.length ? h("pre", {}, failure.lines.join("\n")) : ""));
}
const retried = tasks.filter((task) => task.attempts);
if (retried.length) {
  show("failures", h("h3", {}, "Tried more than once"), table(["Task", "Attempts", "Ended as"], retried.slice(0, 100).map((task) => [
    taskButton(task), task.attempts.map((attempt) => `${attempt.phase}${attempt.message ? ` (${attempt.message})` : ""}`).join(", "), phased(task.phase)])));
  if (!data.failures.length) $("failures").querySelector("h2").textContent = "Retries";
}

// --- details of a task, or of all tasks at a place of the graph --------------------------------
let before = null;
function taskButton(task) {
  return h("button", { type: "button", class: "task", onclick: () => showTask(task) }, task.name);
}
function open(title, ...content) {
  if ($("detail").hidden) before = document.activeElement;
  $("detail-title").replaceChildren(title);
  $("detail-body").replaceChildren(...content);
  $("detail").hidden = false;
  $("detail").scrollTop = 0;
  $("detail-title").focus();
}
function close() {
  if ($("detail").hidden) return;
  $("detail").hidden = true;
  mark("");
  if (before && before.isConnected) before.focus();
}
function values(title, found) {
  const entries = Object.entries(found || {});
  return entries.length ? [h("h3", {}, title), table(["Name", "Value"], entries.map(([name, value]) => [name, h("span", { class: "mono" }, value)]))] : [];
}
const commands = (lines) => (lines.length ? [h("h3", {}, "Commands"), ...lines.map(command)] : []);
function showTask(task) {
  const asked = data.templates[task.template] || {};
  const code = task.exit ? `exit code ${task.exit}` : "";
  open(task.name, facts([
    ["Phase", phased(task.phase)],
    ["Message", [task.message, code].filter(Boolean).join(", ")],
    ["Waited", duration(waited(task))],
    ["Ran", duration(ran(task))],
    ["On", task.worker],
    ["CPU", task.began === undefined ? "" : used(task, "cpu")],
    ["Memory", task.began === undefined ? "" : used(task, "memory")],
    ["Template", task.template],
    ["Image", asked.image],
    ["Path", task.critical ? "on the critical path: had it been shorter, the run would have been" : ""],
  ]), ...values("Inputs", task.inputs), ...values("Outputs", task.outputs),
  ...(task.attempts ? [h("h3", {}, "Attempts"), table(["", "Phase", "Ran", "Message"], task.attempts.map((each, index) => [
    String(index + 1), phased(each.phase), duration(ran(each)), each.message || ""]))] : []),
  ...commands(taskCommands(task)),
  ...(task.log ? [h("h3", {}, "Last lines"), h("pre", {}, task.log.join("\n"))]
    : task.began === undefined ? [] : [h("p", { class: "hint" }, "Its lines are not in this page.")]));
  mark(task.place);
}
const byPlace = new Map();
for (const task of tasks) {
  if (!byPlace.has(task.place)) byPlace.set(task.place, []);
  byPlace.get(task.place).push(task);
}
function showPlace(place) {
  const own = byPlace.get(place) || [];
  const found = own.length ? own : tasks.filter((task) => (task.place || "").startsWith(place === "/" ? "/" : `${place}/`));
  if (own.length === 1) { showTask(own[0]); return; }
  const name = labelOf(place) || run.name;
  const by = {};
  for (const task of found) by[task.phase] = (by[task.phase] || 0) + 1;
  const order = ["Failed", "Error", "Running", "Pending"];
  const weight = (task) => (order.indexOf(task.phase) + 5) % 5;
  const sorted = [...found].sort((one, other) => (weight(one) || 9) - (weight(other) || 9));
  open(`${name}${found.length ? ` ×${found.length}` : ""}`,
    found.length ? facts(Object.entries(by).map(([phase, count]) => [phased(phase), String(count)])) : h("p", {}, "It has not run."),
    h("ul", { class: "plain" }, sorted.slice(0, 100).map((task) => h("li", {}, phased(task.phase), " ", taskButton(task), " ", h("span", { class: "soft" }, duration(ran(task)))))),
    found.length > 100 ? h("p", { class: "hint" }, `… and ${found.length - 100} more, in the table of tasks`) : "",
    ...commands(placeCommands(name)));
  mark(place);
}
function mark(place) {
  for (const each of document.querySelectorAll("#picture .chosen")) each.classList.remove("chosen");
  const node = place && document.querySelector(`#picture [data-node="${CSS.escape(place)}"]`);
  if (node) node.classList.add("chosen");
}
$("close").addEventListener("click", close);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });

function used(task, name) {
  const asked = data.templates[task.template] || {};
  const amount = task[name];
  const say = name === "memory" ? bytes : (number) => `${+number.toFixed(2)}`;
  const request = asked[name] ?? asked[`${name}Limit`];
  const wish = request === undefined ? "asked for no amount" : `asked for ${say(request)}${name === "cpu" ? " processors" : ""}`;
  if (amount === undefined) return `not measured; ${wish}`;
  const sampled = task.sampled ? `at least, sampled every ${task.sampled} s: ` : "";
  if (name === "memory") return `${sampled}${task.atMost ? "at most " : ""}${bytes(amount)}; ${wish}`;
  const time = ran(task);
  return `${sampled}${duration(amount)}${time ? `, ${say(amount / time)} processors` : ""}; ${wish}`;
}

// --- graph --------------------------------------------------------------------------------------
function graph() {
  const svg = $("picture").querySelector("svg");
  if (!svg) {
    for (const id of ["closer", "farther", "whole"]) $(id).hidden = true;
    $("graph").querySelector(".hint").hidden = true;
    return;
  }
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const room = $("picture");
  const size = () => {
    const scale = Math.min(1, room.clientWidth / width);
    room.style.height = `${Math.max(120, Math.min(innerHeight * 0.75, height * scale))}px`;
  };
  size();
  for (const node of svg.querySelectorAll("[data-node]")) {
    const place = node.dataset.node;
    if (!place) continue;
    node.setAttribute("tabindex", "0");
    if ((byPlace.get(place) || []).some((task) => task.critical)) node.classList.add("critical");
  }
  let down = [0, 0];
  room.addEventListener("pointerdown", (event) => { down = [event.clientX, event.clientY]; mover.enableMouseWheelZoom(); }, true);
  room.addEventListener("mouseleave", () => mover.disableMouseWheelZoom());
  const chosen = (event) => event.target.closest("[data-node]");
  room.addEventListener("click", (event) => {
    const node = chosen(event);
    if (node && Math.hypot(event.clientX - down[0], event.clientY - down[1]) < 5) showPlace(node.dataset.node);
  });
  room.addEventListener("keydown", (event) => {
    const node = chosen(event);
    if (node && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); showPlace(node.dataset.node); }
  });
  const mover = svgPanZoom(svg, { mouseWheelZoomEnabled: false, dblClickZoomEnabled: false, minZoom: 0.2, maxZoom: 40, zoomScaleSensitivity: 0.3 });
  // A graph that cannot be read as a whole begins at its beginning.
  const scale = mover.getSizes().realZoom;
  if (scale < 0.4) {
    mover.zoom(0.7 / scale);
    const left = room.clientWidth - width * 0.7, top = room.clientHeight - height * 0.7;
    mover.pan({ x: left > 0 ? left / 2 : 8, y: top > 0 ? top / 2 : 8 });
  }
  $("closer").addEventListener("click", () => mover.zoomIn());
  $("farther").addEventListener("click", () => mover.zoomOut());
  const whole = () => {
    // Without room there is no scale, and the library could never leave it again.
    if (room.clientWidth > 20) { size(); mover.resize(); mover.fit(); mover.center(); }
  };
  $("whole").addEventListener("click", whole);
  addEventListener("resize", whole);
  addEventListener("beforeprint", whole);
}

// --- timeline -----------------------------------------------------------------------------------
function lanesOf() {
  const groups = new Map();
  const order = tasks.map((task, index) => index).filter((index) => tasks[index].began !== undefined && tasks[index].ended !== undefined)
    .sort((one, other) => tasks[one].began - tasks[other].began);
  for (const index of order) {
    const worker = tasks[index].worker || "";
    if (!groups.has(worker)) groups.set(worker, []);
    const lanes = groups.get(worker);
    let lane = lanes.find((each) => each.free <= tasks[index].began + 0.0005);
    if (!lane) { lane = { worker, free: 0, tasks: [] }; lanes.push(lane); }
    lane.free = Math.max(tasks[index].ended, tasks[index].began + 0.001);
    lane.tasks.push(index);
  }
  return [...groups.values()].flat();
}
function timeline() {
  const lanes = lanesOf();
  if (!lanes.length) return;
  $("timeline").hidden = false;
  const end = Math.max(...lanes.map((lane) => lane.free), 0.001);
  const canvas = $("chart"), room = $("lanes"), tip = $("tip");
  const LEFT = innerWidth < 600 ? 64 : 120, TOP = 74, AXIS = 20;
  const step = lanes.length > 400 ? 4 : lanes.length > 80 ? 8 : lanes.length > 24 ? 14 : 22;
  const height = Math.min(16000, TOP + AXIS + lanes.length * step + 6);
  let wider = 1, width = 0;
  const x = (seconds) => LEFT + (width - LEFT - 12) * seconds / end;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // How many wait and how many run, at each moment at which that changes.
  const changes = [];
  for (const task of tasks) {
    if (task.queued !== undefined) changes.push([task.queued, 1, 0], [task.began ?? end, -1, 0]);
    if (task.began !== undefined && task.ended !== undefined) changes.push([task.began, 0, 1], [task.ended, 0, -1]);
  }
  changes.sort((one, other) => one[0] - other[0]);
  const steps = [];
  let waiting = 0, running = 0, most = 1;
  for (const [at, more, also] of changes) {
    waiting += more; running += also;
    if (steps.length && steps[steps.length - 1][0] === at) steps.pop();
    steps.push([at, waiting, running]);
  }
  for (const each of steps) most = Math.max(most, each[1] + each[2]);
  const hatch = (context, paint) => {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const pen = tile.getContext("2d");
    pen.strokeStyle = paint; pen.lineWidth = 1.4;
    pen.beginPath(); pen.moveTo(-1, 7); pen.lineTo(7, -1); pen.moveTo(-1, 1); pen.lineTo(1, -1); pen.moveTo(5, 7); pen.lineTo(7, 5); pen.stroke();
    return context.createPattern(tile, "repeat");
  };
  function draw() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    // First the height, which decides whether a scroll bar takes some of the width.
    canvas.style.width = "0"; canvas.style.height = `${height}px`;
    width = Math.min(16000, room.clientWidth * wider);
    canvas.width = width * ratio; canvas.height = height * ratio;
    canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const paint = { soft: colour("--soft"), line: colour("--line"), text: colour("--text"), yellow: colour("--yellow"), raised: colour("--raised"), blue: colour("--blue"),
      Succeeded: colour("--green"), Failed: colour("--red"), Error: colour("--red"), Running: colour("--blue") };
    const waits = hatch(pen, paint.yellow);
    pen.font = "11px system-ui, sans-serif"; pen.textBaseline = "middle";
    // Moments, at most every 90 pixels.
    const raw = end * 90 / Math.max(1, width - LEFT);
    const unit = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].find((each) => each >= raw) || 86400 * Math.ceil(raw / 86400);
    for (let at = 0; at <= end + unit / 1000; at += unit) {
      pen.fillStyle = paint.line; pen.fillRect(Math.round(x(at)), 4, 1, height);
      pen.fillStyle = paint.soft; pen.fillText(at ? duration(at) : "0", x(at) + 3, TOP + 8);
    }
    // The counts.
    const base = TOP - 6, tall = base - 8;
    const area = (from, to, fill) => {
      pen.fillStyle = fill; pen.beginPath();
      steps.forEach((each, index) => {
        const next = index + 1 < steps.length ? steps[index + 1][0] : end;
        const low = base - tall * from(each) / most, high = base - tall * to(each) / most;
        pen.rect(x(each[0]), high, Math.max(0.5, x(next) - x(each[0])), low - high);
      });
      pen.fill();
    };
    pen.globalAlpha = 0.8;
    area(() => 0, (each) => each[2], paint.blue);
    pen.globalAlpha = 1;
    area((each) => each[2], (each) => each[1] + each[2], waits);
    pen.fillStyle = paint.soft; pen.fillText(`at once: ${most}`, 6, 14); pen.fillStyle = paint.yellow; pen.fillText("waiting", 6, 32);
    pen.fillStyle = paint.blue; pen.fillText("running", 6, 48);
    // The tasks.
    let last = null;
    lanes.forEach((lane, number) => {
      const y = TOP + AXIS + number * step, tall = Math.max(2, step - (step > 8 ? 4 : 1));
      if (lane.worker !== last) {
        pen.fillStyle = paint.line; pen.fillRect(0, y - 1, width, 1);
        pen.fillStyle = paint.soft; pen.fillText(fitted(pen, lane.worker || "–", LEFT - 10), 6, y + Math.max(6, tall / 2));
        last = lane.worker;
      }
      let free = 0;
      for (const index of lane.tasks) {
        const task = tasks[index], from = x(task.began), to = Math.max(from + 1, x(task.ended));
        if (task.queued !== undefined && task.began > Math.max(free, task.queued)) {
          const start = x(Math.max(free, task.queued));
          pen.fillStyle = waits; pen.fillRect(start, y, from - start, tall);
        }
        pen.fillStyle = paint[task.phase] || paint.soft; pen.globalAlpha = 0.85;
        pen.fillRect(from, y, to - from - (to - from > 3 ? 0.5 : 0), tall);
        pen.globalAlpha = 1;
        if (task.critical) { pen.strokeStyle = paint.text; pen.lineWidth = 2; pen.strokeRect(from + 1, y, Math.max(1, to - from - 2), tall); }
        if (step >= 14 && to - from > 50) {
          pen.fillStyle = "#fff"; pen.fillText(fitted(pen, task.name, to - from - 10), from + 5, y + tall / 2 + 0.5);
        }
        free = task.ended;
      }
    });
  }
  function at(event) {
    const box = canvas.getBoundingClientRect();
    const lane = lanes[Math.floor((event.clientY - box.top - TOP - AXIS) / step)];
    if (!lane) return null;
    const seconds = (event.clientX - box.left - LEFT) * end / (width - LEFT - 12), slack = 3 * end / width;
    let best = null;
    for (const index of lane.tasks) {
      const task = tasks[index];
      if (seconds >= Math.min(task.queued ?? task.began, task.began) - slack && seconds <= task.ended + slack) best = task;
    }
    return best;
  }
  canvas.addEventListener("mousemove", (event) => {
    const task = at(event);
    tip.hidden = !task;
    canvas.style.cursor = task ? "pointer" : "";
    if (!task) return;
    const lines = [task.name, `${task.phase}, ran ${duration(ran(task))}`];
    if (waited(task) !== undefined) lines.push(`waited ${duration(waited(task))}`);
    if (task.critical) lines.push("on the critical path");
    tip.textContent = lines.join("\n");
    tip.style.left = `${Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${event.clientY + 16}px`;
  });
  canvas.addEventListener("mouseleave", () => { tip.hidden = true; });
  canvas.addEventListener("click", (event) => { const task = at(event); if (task) showTask(task); });
  const zoom = (factor) => { wider = Math.max(1, Math.min(64, wider * factor)); draw(); };
  $("longer").addEventListener("click", () => zoom(2));
  $("shorter").addEventListener("click", () => zoom(0.5));
  addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  const entry = (style, words) => h("li", {}, h("i", { style }), words);
  const measured = tasks.some((task) => task.queued !== undefined);
  $("legend").append(
    entry("background: var(--green)", "ran"),
    ...(tasks.some((task) => KINDS[task.phase] === "bad") ? [entry("background: var(--red)", "failed")] : []),
    ...(tasks.some((task) => task.phase === "Running") ? [entry("background: var(--blue)", "runs")] : []),
    measured ? entry("background: repeating-linear-gradient(-45deg, var(--yellow) 0 1.5px, transparent 1.5px 4px)", "waited, as far as its lane was free")
      : h("li", {}, "how long tasks waited is not measured"),
    entry("border-color: var(--text)", "on the critical path"),
    h("li", {}, run.isLocal ? `${counted(lanes.length, "lane")}: so many ran at once` : "lanes by node"));
  draw();
}
function fitted(pen, words, room) {
  if (pen.measureText(words).width <= room) return words;
  let length = Math.floor(words.length * room / pen.measureText(words).width);
  while (length > 1 && pen.measureText(`${words.slice(0, length)}…`).width > room) length -= 1;
  return length > 1 ? `${words.slice(0, length)}…` : "";
}

// --- table of tasks -----------------------------------------------------------------------------
function taskTable() {
  const PAGE = 100;
  const asked = (task, name) => { const found = data.templates[task.template] || {}; return found[name] ?? found[`${name}Limit`]; };
  const ratio = (task) => (task.cpu === undefined || !ran(task) ? undefined : task.cpu / ran(task));
  const bound = (task) => (task.sampled ? "≥ " : "");
  const pair = (amount, wish, say, at) => (amount === undefined ? h("span", { class: "soft" }, `not measured${wish === undefined ? "" : ` / ${say(wish)}`}`)
    : h("span", { class: wish !== undefined && amount > wish ? "bad" : "" }, at, say(amount), h("span", { class: "soft" }, ` / ${wish === undefined ? "–" : say(wish)}`)));
  const columns = [
    ["Task", (task) => task.name, taskButton],
    ["Phase", (task) => task.phase, (task) => phased(task.phase)],
    ["On", (task) => task.worker || "", (task) => task.worker || ""],
    ["Began", (task) => task.began, (task) => (task.began === undefined ? "" : `+${duration(task.began)}`)],
    ["Waited", waited, (task) => (waited(task) === undefined ? (task.began === undefined ? "" : h("span", { class: "soft" }, "not measured")) : duration(waited(task)))],
    ["Ran", ran, (task) => [duration(ran(task)), task.critical ? h("span", { title: "on the critical path" }, " ◆") : ""]],
    ["CPU time", (task) => task.cpu, (task) => (task.began === undefined ? "" : task.cpu === undefined ? h("span", { class: "soft" }, "not measured") : bound(task) + duration(task.cpu))],
    ["Processors", ratio, (task) => (task.began === undefined ? "" : pair(ratio(task), asked(task, "cpu"), (number) => `${+number.toFixed(2)}`, bound(task)))],
    ["Peak memory", (task) => task.memory, (task) => (task.began === undefined ? "" : pair(task.memory, asked(task, "memory"), bytes, task.atMost ? "≤ " : bound(task)))],
    ["Attempts", (task) => (task.attempts ? task.attempts.length : 1), (task) => String(task.began === undefined ? "" : task.attempts ? task.attempts.length : 1)],
  ];
  if (!tasks.some((task) => task.attempts)) columns.pop();
  if (new Set(tasks.map((task) => task.worker).filter(Boolean)).size < 2) columns.splice(2, 1);
  let sorted = -1, down = false, most = PAGE;
  const sampling = (tasks.find((task) => task.sampled) || {}).sampled;
  $("phase").append(h("option", { value: "" }, "all"), ...Object.keys(counts).map((phase) => h("option", { value: phase }, phase)));
  $("columns").append("Processors and peak memory: used / asked for (– where nothing was asked for; ◆ on the critical path). "
    + "What is not measured nobody has noted: a cluster keeps no use of a pod that has ended."
    + (sampling ? ` ≥: the cluster's metrics server was asked every ${sampling} s while the run was followed; what was between is not seen.` : ""));
  function render() {
    const wanted = $("wanted").value.toLowerCase(), phase = $("phase").value;
    let found = tasks.filter((task) => (!phase || task.phase === phase) && (!wanted || task.name.toLowerCase().includes(wanted)));
    if (sorted >= 0) {
      const key = columns[sorted][1], sign = down ? -1 : 1;
      found = [...found].sort((one, other) => {
        const a = key(one), b = key(other);
        if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
        return sign * (typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b);
      });
    }
    $("counted").textContent = found.length === tasks.length ? counted(tasks.length, "task") : `${found.length} of ${counted(tasks.length, "task")}`;
    const heads = columns.map(([name], index) => h("th", { scope: "col", "aria-sort": index !== sorted ? "none" : down ? "descending" : "ascending" },
      h("button", { type: "button", onclick: () => { down = index === sorted ? !down : index > 2; sorted = index; render(); } }, name, index === sorted ? (down ? " ▾" : " ▴") : "")));
    const rows = found.slice(0, most).map((task) => h("tr", {}, columns.map(([, , cell], index) => h("td", { class: index > 2 ? "number" : "value" }, cell(task)))));
    $("rows").replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)));
    if (found.length > most) {
      $("rows").append(h("p", {}, h("button", { type: "button", onclick: () => { most += 10 * PAGE; render(); } }, `Show ${Math.min(10 * PAGE, found.length - most)} more`)));
    }
  }
  $("wanted").addEventListener("input", render);
  $("phase").addEventListener("change", render);
  render();
}

// --- what it left, and what it was made of ------------------------------------------------------
const address = (path) => encodeURI(`${run.folder}${path}`).replace(/[?#]/g, encodeURIComponent);
function enlarged(source, words) {
  const dialog = $("large");
  for (const each of dialog.querySelectorAll("img, p")) each.remove();
  dialog.append(h("p", {}, words), h("img", { src: source, alt: words }));
  dialog.showModal();
}
$("large-close").addEventListener("click", () => $("large").close());
const picture = (source, words) => h("figure", {}, h("button", { type: "button", "aria-label": `Enlarge ${words}`, onclick: () => enlarged(source, words) },
  h("img", { src: source, alt: words })), h("figcaption", {}, words));
function results() {
  if (!data.files.length) {
    if (run.isLocal) show("results", h("p", { class: "soft" }, "It has left no files on a claim."));
    else show("results", h("p", { class: "soft" }, "No files are here. ", h("code", {}, `make results RUN=${run.name}`), " brings those on the cluster home, ",
      h("code", {}, `make report RUN=${run.name}`), " then shows them."));
    return;
  }
  const shown = data.files.filter((file) => file.picture);
  if (shown.length) show("results", h("div", { class: "gallery" }, shown.map((file) => picture(file.picture, file.path))));
  for (const file of data.files.filter((each) => each.rows)) {
    const [head, ...rest] = file.rows;
    show("results", folded(`${file.path}${file.more ? ", its first rows" : ""}`, table(head, rest)));
  }
  const texts = data.files.filter((each) => each.text);
  if (texts.length) show("results", folded(`Heads of ${texts.length} text files`, ...texts.flatMap((file) => [h("h3", {}, file.path), h("pre", {}, file.text)])));
  const large = data.files.filter((file) => file.picture === "").length;
  show("results", h("h3", {}, `Files (${data.files.length + data.moreFiles})`),
    large ? h("p", { class: "hint" }, `${large === 1 ? "1 picture is" : `${large} pictures are`} too large to be within this page; the links lead there.`) : "",
    table(["File", "Size", "SHA-256"], data.files.map((file) => [h("a", { href: address(file.path) }, file.path), bytes(file.size), file.sha256 ? h("code", { class: "sum", title: file.sha256 }, file.sha256) : h("span", { class: "soft" }, "not computed")])),
    data.files.some((file) => !file.sha256) ? h("p", { class: "hint" }, "Checksums of large files are not computed at the end of a run: ", h("code", {}, `make report RUN=${run.name}`), " does.") : "",
    data.moreFiles ? h("p", { class: "hint" }, `… and ${data.moreFiles} more`) : "");
}
function patched(patch) {
  return h("pre", { class: "patch" }, patch.split("\n").map((line) => h("span", {
    class: line.startsWith("@@") || line.startsWith("diff ") ? "place" : line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : "" }, line || " ")));
}
function inputs() {
  if (data.arguments.length) show("inputs", table(["Argument of the script", "Value"], data.arguments.map((each) => [each.name,
    each.withheld ? h("span", { class: "soft" }, "not kept: a secret") : h("span", { class: "mono" }, each.value === true ? "given" : text(each.value))])));
  if (!data.inputs.length) return;
  const changed = data.inputs.filter((input) => "default" in input);
  show("inputs", h("p", {}, changed.length ? `${changed.length} of ${data.inputs.length} differ from inputs.py:` : "All as in inputs.py." ),
    table(["Name", "Value", "In inputs.py"], [...changed, ...data.inputs.filter((input) => !("default" in input))].map((input) => ({
      changed: "default" in input, cells: [input.name, h("span", { class: "mono" }, text(input.value)), "default" in input ? h("span", { class: "mono" }, text(input.default)) : ""] }))));
}
function code() {
  const found = data.code, changed = found.changed || [];
  show("code", facts([
    ["Commit", found.commit ? h("code", {}, found.commit) : found.tree ? "none: the folder has no commit" : "not noted"],
    ["Branch", found.branch], ["Repository", found.remote],
    ["Kept as", found.tree ? h("code", {}, found.tree) : found.why || ""],
    ["Not committed", changed.length ? changed.join(", ") : found.commit ? "nothing: the code is that of the commit" : ""],
    ["Too large to keep", (found.left_out || []).join(", ")],
  ]));
  if (found.difference) show("code", h("details", { open: "" }, h("summary", {}, "What differs from the commit"), patched(found.difference), found.cut ? h("p", { class: "hint" }, "… and more") : ""));
}
function environment() {
  const found = data.environment, machine = found.machine;
  show("environment", facts([
    ["Submitted from", [machine.system, machine.release, machine.processor, machine.processors && `${machine.processors} processors`].filter(Boolean).join(", ")],
    ["Python", found.python], ["Library", run.library],
    ["Ran on", [where, found.platform.argo && `Argo ${found.platform.argo}`, found.platform.kubernetes && `Kubernetes ${found.platform.kubernetes}`].filter(Boolean).join(", ")],
  ]));
  if (data.images.length) show("environment", h("h3", {}, "Images"), table(["Image", "Digest", "Templates"], data.images.map((image) => [
    h("span", { class: "mono" }, image.image),
    image.digest ? h("code", { class: "sum", title: image.digest }, image.digest) : image.container && run.isLocal ? `made here, of containers/${image.container}/` : h("span", { class: "soft" }, "not noted"),
    image.templates.join(", ")])));
  const packages = Object.entries(found.packages);
  if (packages.length) show("environment", folded(`${packages.length} packages beside the library, where it was submitted`, table(["Package", "Version"], packages)));
}

// --- another run beside this one ------------------------------------------------------------------
function versus() {
  const found = data.versus;
  if (!found) return;
  $("versus").querySelector("h2").textContent = `Compared with ${found.one}`;
  const heads = ["", found.one, found.other];
  const mono = (value) => (value === null || value === undefined ? h("span", { class: "soft" }, "–") : h("span", { class: "mono" }, text(value)));
  const block = (title, changes) => (changes.length ? [h("h3", {}, title), table(heads, changes.map((each) => [each.name, mono(each.one), mono(each.other)]))] : []);
  const first = found.tasks[0];
  show("versus", h("p", {}, first ? h("span", {}, "They part at ", h("strong", {}, first.name), found.tasks.length > 1 ? `; ${found.tasks.length} tasks have other outputs.` : ".")
    : found.files.length ? "Files differ, but no task is known to have written them." : "Their outputs are the same."),
    ...found.remarks.map((remark) => h("p", { class: "hint" }, remark)),
    ...block("Inputs", found.inputs), ...block("Arguments of the script", found.arguments),
    ...(found.code.length ? [h("h3", {}, "Code"), table(["File", ""], found.code.map((each) => [each.path, each.kind]))] : []),
    ...(found.difference ? [folded("The changes", patched(found.difference))] : []),
    ...block("Images", found.images), ...block("Packages", found.packages), ...block("Machine", found.machine));
  if (found.files.length) {
    show("versus", h("h3", {}, "Outputs"), table(["File", "", "What differs"], found.files.map((file) => [file.path, file.kind,
      h("span", {}, file.what, ...(file.examples || []).flatMap((each) => [h("br"), h("span", { class: "mono" }, each)]))])));
    for (const pair of found.pictures) {
      const difference = h("canvas", {});
      show("versus", h("h3", {}, pair.path), h("div", { class: "pair" }, picture(pair.one, `${pair.path} of ${found.one}`), picture(pair.other, `${pair.path} of ${found.other}`),
        h("figure", {}, difference, h("figcaption", {}, "pixels that differ"))));
      pixels(pair, difference);
    }
  }
  const whole = found.seconds.map((seconds) => duration(seconds) || "has not ended");
  show("versus", h("h3", {}, "Time"), table(heads, [["the run", ...whole], ...found.durations.map((each) => [each.name, duration(each.one) || "–", duration(each.other) || "–"])]));
}
async function pixels(pair, canvas) {
  const loaded = (source) => new Promise((done, failed) => { const image = new Image(); image.onload = () => done(image); image.onerror = failed; image.src = source; });
  try {
    const images = await Promise.all([loaded(pair.one), loaded(pair.other)]);
    const width = Math.max(...images.map((image) => image.naturalWidth)), height = Math.max(...images.map((image) => image.naturalHeight));
    canvas.width = width; canvas.height = height;
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const [one, other] = images.map((image) => { pen.clearRect(0, 0, width, height); pen.drawImage(image, 0, 0); return pen.getImageData(0, 0, width, height); });
    const result = pen.createImageData(width, height);
    for (let at = 0; at < result.data.length; at += 4) {
      const same = one.data[at] === other.data[at] && one.data[at + 1] === other.data[at + 1] && one.data[at + 2] === other.data[at + 2] && one.data[at + 3] === other.data[at + 3];
      const grey = 255 - (255 - (one.data[at] + one.data[at + 1] + one.data[at + 2]) / 3) / 5;
      result.data.set(same ? [grey, grey, grey, 255] : [207, 34, 46, 255], at);
    }
    pen.putImageData(result, 0, 0);
  } catch { canvas.replaceWith("one of the two cannot be drawn"); }
}

versus(); results(); inputs(); code(); environment(); taskTable(); timeline(); graph();
for (const section of document.querySelectorAll("main > section:not([hidden])")) {
  $("sections").append(h("a", { href: `#${section.id}` }, section.querySelector("h2").textContent));
}
$("made").append(`Written ${moment(run.written)} by ${run.library || "hera_experiment"}. Nothing in this page is loaded from elsewhere.`);
document.documentElement.dataset.drawn = "yes";
})();
