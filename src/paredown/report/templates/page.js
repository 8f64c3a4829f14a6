"use strict";
(() => {
  document.documentElement.classList.add("js");
  const $ = (query, root = document) => root.querySelector(query);
  const $$ = (query, root = document) => [...root.querySelectorAll(query)];
  const { chart, selected } = JSON.parse($("#data").textContent);
  $$(".controls, .pick").forEach((element) => (element.hidden = false));

  // Points that are told in few words take theirs from their line in the table.
  const lines = new Map($$("#all tbody tr").map((row) => [row.dataset.id, row]));
  const heads = $$("#all thead th").map((head) => head.textContent.trim().toLowerCase());
  for (const p of chart.points) {
    if (p.rows) continue;
    const cells = [...lines.get(p.id).cells].map((cell) => cell.textContent.trim());
    Object.assign(p, { label: cells[0], about: "", kind: "", families: p.glyph.split("-") });
    p.rows = cells.map((cell, i) => [heads[i], cell]).slice(1).filter(([, cell]) => cell !== "–");
    for (const place of [p.y, ...Object.values(p.x)]) place.push(null, null);
  }

  // ---------------------------------------------------------------- the ledger
  let chosen = selected;
  const choose = (id, jump) => {
    chosen = id;
    const told = $$("[data-entry]").some((e) => e.dataset.entry === id);
    if (told) $$("[data-entry]").forEach((e) => e.classList.toggle("chosen", e.dataset.entry === id));
    $$("#all tbody tr").forEach((e) => e.classList.toggle("chosen", e.dataset.id === id));
    $$("#chart .pt").forEach((e) => e.classList.toggle("chosen", e.dataset.id === id));
    const pick = $("#pick");
    if (pick && told) pick.value = id;
    if (!told && lines.has(id)) showLine(id, jump);
    else if (jump) $("#ledger").scrollIntoView();
  };
  const showLine = (id, jump) => {
    if (lines.get(id).classList.contains("minor") && !$("#all").classList.contains("full")) $("#more").click();
    if (jump) lines.get(id).scrollIntoView({ block: "center" });
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-open]");
    if (!link) return;
    event.preventDefault();
    choose(link.dataset.open, true);
  });
  $("#pick")?.addEventListener("change", (event) => choose(event.target.value, false));

  // ---------------------------------------------------------------- the table of all candidates
  const all = $("#all");
  if (all) {
    const body = all.tBodies[0];
    const minor = $$(".minor", body).length;
    const more = $("#more");
    const few = body.rows.length - minor < 4 || minor < 3;
    all.classList.toggle("full", few);
    more.parentElement.hidden = few;
    more.addEventListener("click", () => {
      const full = all.classList.toggle("full");
      more.setAttribute("aria-expanded", full);
      more.textContent = full ? "Show fewer" : `Show all ${body.rows.length} candidates`;
    });
    const values = new Map([...body.rows].map((row) => [row, JSON.parse(row.dataset.sort)]));
    $$("thead button", all).forEach((button) => button.addEventListener("click", () => {
      const head = button.closest("th");
      const down = head.getAttribute("aria-sort") === "ascending";
      $$("th", all.tHead).forEach((th) => th.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const column = Number(button.dataset.sort);
      const key = (row) => (column < 0 ? row.cells[0].textContent.trim() : values.get(row)[column]);
      const order = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === null || y === null) return (x === null) - (y === null);
        return (down ? -1 : 1) * (column < 0 ? x.localeCompare(y, undefined, { numeric: true }) : x - y);
      };
      body.append(...[...body.rows].sort(order));
    }));
  }

  // ---------------------------------------------------------------- head-to-head tabs
  const press = (buttons, button) => buttons.forEach((b) => b.setAttribute("aria-pressed", b === button));
  const sentences = $$(".pairs li");
  $$("[data-pair]").forEach((cell) => (cell.title = sentences[cell.dataset.pair].textContent));
  const tabs = $$("[data-matrix]");
  const panel = (name) => $$("[data-panel]").forEach((p) => (p.hidden = p.dataset.panel !== name));
  tabs.forEach((tab) => tab.addEventListener("click", () => { press(tabs, tab); panel(tab.dataset.matrix); }));
  if (tabs.length) panel("0");

  // ---------------------------------------------------------------- the frontier
  const host = $("#chart");
  if (!host) { choose(chosen, false); return; }
  const state = { axis: chart.axes[0].key, off: new Set() };
  const tip = $("#tip");
  const NS = "http://www.w3.org/2000/svg";
  const el = (name, attributes, parent) => {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    parent?.append(node);
    return node;
  };
  const text = (words, attributes, parent) => { const t = el("text", attributes, parent); t.textContent = words; return t; };

  const ticks = (low, high, wanted, log) => {
    if (log) {
      const found = [];
      for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++)
        for (const m of [1, 2, 5]) if (m * 10 ** p >= low && m * 10 ** p <= high) found.push(m * 10 ** p);
      if (found.length > 2) return found;
    }
    const rough = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= rough * 0.999);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
    return found;
  };
  const label = (value, all) => {
    const gaps = all.slice(1).map((v, i) => v - all[i]);
    const decimals = Math.max(0, Math.min(6, -Math.floor(Math.log10(Math.min(...gaps, Infinity)) + 1e-9)));
    return value.toFixed(gaps.length ? decimals : 2).replace("-", "−");
  };

  const visible = () => chart.points.filter((p) => p.x[state.axis] && !p.families.some((f) => state.off.has(f)));
  const worth = (p) => p.kind || p.frontier || p.arm;

  // Where scores are spread wide, only the neighbourhood of the candidates that matter is shown.
  const domain = (points, axis, zoom) => {
    const shown = zoom ? points.filter(worth) : points;
    const use = shown.length ? shown : points;
    const ys = use.flatMap((p) => (zoom ? [p.y[0]] : p.y)).concat(use.filter((p) => p.kind).flatMap((p) => p.y)).filter((v) => v !== null);
    if (chart.score.bound !== null) ys.push(chart.score.bound);
    const xs = (zoom ? points.filter((p) => inside(p.y[0], ys)) : points).flatMap((p) => p.x[axis.key]).filter((v) => v !== null);
    if (axis.bound !== null) xs.push(axis.bound);
    const span = (v, pad) => { const a = Math.min(...v), b = Math.max(...v), gap = (b - a || Math.abs(b) || 1) * pad; return [a - gap, b + gap]; };
    return { x: span(xs, 0.06), y: span(ys, 0.1), xs };
  };
  const inside = (value, values) => value >= Math.min(...values) && value <= Math.max(...values);

  let order = [];
  const draw = () => {
    const axis = chart.axes.find((a) => a.key === state.axis);
    const points = visible();
    const width = Math.max(280, host.clientWidth), narrow = width < 560;
    const height = Math.round(Math.min(470, Math.max(320, width * 0.5)));
    const box = { left: narrow ? 42 : 54, right: width - 14, top: 30, bottom: height - 46 };
    host.replaceChildren();
    hideTip();
    const svg = el("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group", "aria-label": `${chart.score.title} against ${axis.title.toLowerCase()} of ${points.length} candidates. Use the arrow keys to move between them, Enter to open the ledger.` }, host);
    if (!points.length) { text("Every candidate is hidden by the legend.", { x: width / 2, y: height / 2, "text-anchor": "middle" }, svg); return; }
    const zoom = $("#t-zoom").checked, log = $("#t-log").checked;
    const limits = domain(points, axis, zoom);
    const smallest = Math.min(...limits.xs.filter((v) => v > 0));
    const [x0, x1] = log ? [smallest / 1.15, Math.max(...limits.xs) * 1.15] : [Math.max(0, limits.x[0]), limits.x[1]];
    const [y0, y1] = limits.y;
    const scaleX = (v) => box.left + (box.right - box.left) * (log ? Math.log(Math.max(v, x0) / x0) / Math.log(x1 / x0) : (v - x0) / (x1 - x0));
    const flip = chart.score.up ? 1 : -1;
    const scaleY = (v) => (flip > 0 ? box.bottom - ((box.bottom - box.top) * (v - y0)) / (y1 - y0) : box.top + ((box.bottom - box.top) * (v - y0)) / (y1 - y0));
    const clampX = (v) => Math.min(box.right, Math.max(box.left, v)), clampY = (v) => Math.min(box.bottom, Math.max(box.top, v));

    // region within the budget
    if (axis.bound !== null || chart.score.bound !== null) {
      const right = axis.bound === null ? box.right : clampX(scaleX(axis.bound));
      const low = chart.score.bound === null ? box.bottom : clampY(scaleY(chart.score.bound));
      el("rect", { x: box.left, y: box.top, width: Math.max(0, right - box.left), height: Math.max(0, low - box.top), class: "region", "data-region": "" }, svg);
    }
    // grid
    const tx = ticks(x0, x1, narrow ? 4 : 7, log), ty = ticks(y0, y1, 5, false);
    ty.forEach((v) => {
      el("line", { x1: box.left, x2: box.right, y1: scaleY(v), y2: scaleY(v), class: "grid" }, svg);
      text(label(v, ty), { x: box.left - 8, y: scaleY(v) + 4, "text-anchor": "end" }, svg);
    });
    el("line", { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, class: "axis" }, svg);
    tx.forEach((v) => {
      el("line", { x1: scaleX(v), x2: scaleX(v), y1: box.bottom, y2: box.bottom + 5, class: "axis" }, svg);
      text(log ? String(Number(v.toPrecision(3))) : label(v, tx), { x: scaleX(v), y: box.bottom + 19, "text-anchor": "middle" }, svg);
    });
    const unit = chart.score.unit ? `, ${chart.score.unit}` : "";
    text(`${chart.score.title}${unit}  (${chart.score.up ? "higher" : "lower"} is better)`, { x: 2, y: 14, class: "title" }, svg);
    text(`${axis.title.toLowerCase()}${axis.key === "latency" ? " p50" : ""}, ${axis.unit}  (lower is better)`, { x: box.right, y: height - 8, "text-anchor": "end", class: "title" }, svg);

    if (axis.bound !== null && axis.bound >= x0 && axis.bound <= x1) {
      const x = scaleX(axis.bound);
      el("line", { x1: x, x2: x, y1: box.top, y2: box.bottom, class: "bound" }, svg);
      const left = x > (box.left + box.right) / 2;
      text(`${axis.title.toLowerCase()} limit`, { x: x + (left ? -6 : 6), y: box.bottom - 8, "text-anchor": left ? "end" : "start", class: "boundname" }, svg);
    }
    if (chart.score.bound !== null) {
      const y = scaleY(chart.score.bound);
      el("line", { x1: box.left, x2: box.right, y1: y, y2: y, class: "bound" }, svg);
      text(`${chart.score.title} limit`, { x: box.right - 4, y: y + 15, "text-anchor": "end", class: "boundname" }, svg);
    }

    // staircase through the frontier of this pair of quantities
    const sorted = points.filter((p) => p.frontier || p.kind).sort((a, b) => a.x[axis.key][0] - b.x[axis.key][0] || flip * (b.y[0] - a.y[0]));
    let record = -Infinity, path = "", lastX = 0;
    for (const p of sorted) {
      if (flip * p.y[0] <= record) continue;
      record = flip * p.y[0];
      const [x, y] = [clampX(scaleX(p.x[axis.key][0])), clampY(scaleY(p.y[0]))];
      path += path ? `H${x}V${y}` : `M${x} ${y}`;
      lastX = x;
    }
    if (path) el("path", { d: path + (lastX < box.right ? `H${box.right}` : ""), class: "front", "stroke-opacity": 0.6 }, svg);

    const inView = (p) => p.x[axis.key][0] >= x0 && p.x[axis.key][0] <= x1 && p.y[0] >= y0 && p.y[0] <= y1;
    const seen = points.filter(inView);
    const crowded = seen.length > 40;
    const layer = (p) => (p.kind ? 2 : p.frontier || p.arm ? 1 : 0);
    const bars = el("g", { class: "bars" }, svg);
    if ($("#t-bars").checked) {
      for (const p of seen) {
        if (crowded && !layer(p)) continue;
        const [x, y] = [scaleX(p.x[axis.key][0]), scaleY(p.y[0])];
        const [, xl, xh] = p.x[axis.key], [, yl, yh] = p.y;
        if (xl !== null) el("line", { x1: clampX(scaleX(xl)), x2: clampX(scaleX(xh)), y1: y, y2: y, class: "err" }, bars);
        if (yl !== null) el("line", { x1: x, x2: x, y1: clampY(scaleY(yl)), y2: clampY(scaleY(yh)), class: "err" }, bars);
      }
    }
    order = [...seen].sort((a, b) => a.x[axis.key][0] - b.x[axis.key][0]);
    const many = el("g", {}, svg);
    [...seen].sort((a, b) => layer(a) - layer(b)).forEach((p) => {
      const [x, y] = [scaleX(p.x[axis.key][0]), scaleY(p.y[0])];
      const names = ["pt", p.kind, layer(p) || !zoom ? "" : "dim", p.id === chosen ? "chosen" : ""].filter(Boolean).join(" ");
      const g = el("g", { class: names, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, role: "button", tabindex: -1, "aria-label": `${p.label}. ${p.rows.map((r) => r.join(" ")).join(", ")}` }, many);
      g.dataset.id = p.id;
      el("circle", { r: 13, fill: "transparent" }, g);
      el("circle", { r: 10.5, class: "halo" }, g);
      el("use", { class: "face", href: `#g-${p.glyph}` }, g);
      g.addEventListener("pointerenter", () => showTip(p, x, y, width));
      g.addEventListener("pointerleave", hideTip);
      g.addEventListener("focus", () => showTip(p, x, y, width));
      g.addEventListener("blur", hideTip);
      g.addEventListener("click", () => choose(p.id, false));
      g.addEventListener("keydown", (event) => keys(event, p));
    });
    seen.filter((p) => p.kind).forEach((p) => {
      const [x, y] = [scaleX(p.x[axis.key][0]), scaleY(p.y[0])];
      const end = x > box.right - 70;
      text(p.kind, { x: x + (end ? -14 : 14), y: Math.max(box.top + 10, y - 9), "text-anchor": end ? "end" : "start", class: "name" }, svg);
    });
    const first = $(`#chart .pt[data-id="${CSS.escape(chosen)}"]`) || $("#chart .pt");
    first?.setAttribute("tabindex", 0);
    const away = points.length - seen.length;
    const notes = [];
    if (away) notes.push(`${away} more candidate${away > 1 ? "s lie" : " lies"} outside this view; switch “Contenders only” off to see ${away > 1 ? "them" : "it"}.`);
    if (crowded && $("#t-bars").checked) notes.push("Intervals are drawn for the contenders only.");
    $("#chart-note").textContent = notes.join(" ");
  };
  const keys = (event, p) => {
    const at = order.indexOf(p);
    const to = { ArrowRight: at + 1, ArrowUp: at + 1, ArrowLeft: at - 1, ArrowDown: at - 1, Home: 0, End: order.length - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(p.id, event.key === "Enter"); }
    if (event.key === "Escape") hideTip();
    if (to === undefined || !order[to]) return;
    event.preventDefault();
    const next = $(`#chart .pt[data-id="${CSS.escape(order[to].id)}"]`);
    $$("#chart .pt").forEach((g) => g.setAttribute("tabindex", -1));
    next.setAttribute("tabindex", 0);
    next.focus();
  };
  const showTip = (p, x, y, width) => {
    const name = document.createElement("strong"), about = document.createElement("span"), table = document.createElement("table");
    name.textContent = p.label;
    about.textContent = p.about;
    about.className = "about";
    for (const row of p.rows) {
      const tr = table.insertRow();
      row.forEach((word) => (tr.insertCell().textContent = word));
    }
    tip.replaceChildren(name, about, table);
    tip.hidden = false;
    const left = x + 18 + tip.offsetWidth > width ? x - 18 - tip.offsetWidth : x + 18;
    tip.style.left = `${Math.max(0, Math.min(left, width - tip.offsetWidth))}px`;
    tip.style.top = `${Math.max(0, Math.min(y - tip.offsetHeight / 2, host.clientHeight - tip.offsetHeight))}px`;
  };
  const hideTip = () => { tip.hidden = true; };

  const axisButtons = $$("[data-axis]");
  axisButtons.forEach((b) => b.addEventListener("click", () => { state.axis = b.dataset.axis; press(axisButtons, b); draw(); }));
  $$("[data-family]").forEach((b) => b.addEventListener("click", () => {
    const on = b.getAttribute("aria-pressed") === "true";
    b.setAttribute("aria-pressed", !on);
    state.off[on ? "add" : "delete"](b.dataset.family);
    draw();
  }));
  ["#t-bars", "#t-zoom", "#t-log"].forEach((id) => $(id).addEventListener("change", draw));
  let lastWidth = 0;
  new ResizeObserver(() => { if (host.clientWidth !== lastWidth) { lastWidth = host.clientWidth; draw(); } }).observe(host);
  window.addEventListener("beforeprint", draw);
  draw();
  choose(chosen, false);
})();
