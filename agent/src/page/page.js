"use strict";
// Asks each second and shows what is answered. All text goes in as text: names are chosen by others.

const EACH_MS = 1000;
const PATIENCE_MS = 5000;
const WAITS = { held: "HELD", stopped: "STOPPED", freezing: "FREEZING", frozen: "FROZEN", denied: "DENIED", proposed: "PROPOSED" };
// Labels of the timeline: so many above each other, in pixels.
const [LANES, LANE, LETTER] = [3, 11, 5.5];
const SVG = "http://www.w3.org/2000/svg";

const at = (id) => document.getElementById(id);

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function drawn(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) {
    return `${hours} h ${minutes} min`;
  }
  return minutes > 0 ? `${minutes} min` : `${whole} s`;
}

const between = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
const many = (number, one, more) => `${number} ${number === 1 ? one : more}`;

function ends(view, thing) {
  if (!thing.until) {
    return "";
  }
  const left = span(between(view.at, thing.until));
  const verbs = { approve: "approved", deny: "denied", thaw: "goes on" };
  return thing.then ? `; ${verbs[thing.then] ?? thing.then} by itself in ${left}` : `; for ${left} more`;
}

function incident(view, one) {
  const word = element("span", { class: "word bad" }, WAITS[one.state] ?? one.state);
  const title = element("h3", {}, `${one.id}`, " ", one.account ?? "", word);
  const waits = `${one.waiting} waiting, ${many(one.done, "operation", "operations")} happened`;
  const since = `opened ${span(between(one.opened_at, view.at))} ago${ends(view, one)}`;
  const type = element("p", {}, element("code", {}, `burstguard incident ${one.id}`));
  return element("div", { class: "card bad" }, title, element("p", {}, one.what), element("p", {}, waits), element("p", {}, since), type);
}

const share = (budget) => budget.used / Math.max(1, budget.limit);

function budget(one) {
  const isFull = one.used > 0 && one.used >= one.limit;
  const figures = `${one.used}/${one.limit} in ${span(one.window_ms / 1000)}`;
  const meter = element("meter", {
    min: 0, max: Math.max(1, one.limit), value: Math.min(one.used, Math.max(1, one.limit)),
    low: one.limit / 2, high: one.limit * 0.9, optimum: 0, "aria-label": `${one.kind} ${figures}`,
  });
  return element("div", { class: isFull ? "budget full" : "budget" },
    element("span", {}, one.kind), meter, element("span", { class: "figures", title: figures }, `${one.used}/${one.limit}`));
}

function account(view, one) {
  const isBad = one.standing === "tripped" || one.standing === "denied";
  const kind = isBad ? "bad" : one.standing === "granted" ? "warm" : "good";
  const title = element("h3", {}, one.name, element("span", { class: `word ${kind}` }, one.standing));
  const waiting = ["held", "stopped", "frozen"].filter((word) => one[word] > 0).map((word) => `${one[word]} ${word}`);
  const processes = many(one.processes, "process", "processes") + (waiting.length ? ` (${waiting.join(", ")})` : "");
  const number = one.incident === null ? "" : `; incident ${one.incident}`;
  const line = element("p", {}, `${one.response}; ${processes}${number}${ends(view, one)}`);
  const used = [...one.budgets].sort((a, b) => share(b) - share(a));
  return element("div", { class: `card ${isBad ? "bad" : ""}` }, title, line, ...used.map(budget));
}

function cards(place, nothing, all) {
  const found = all.length ? element("div", { class: "cards" }, ...all) : element("p", { class: "nothing" }, nothing);
  at(place).replaceChildren(found);
}

function timeline({ seconds, accounts, marks }) {
  const [foot, head] = [16, 4 + LANES * LANE];
  const [width, height] = [at("timeline").clientWidth || 600, at("timeline").clientHeight || 140];
  const sums = Array.from({ length: seconds }, () => ({ done: 0, stopped: 0 }));
  for (const [age, counts] of Object.values(accounts).flat()) {
    sums[age].done += counts.done;
    sums[age].stopped += counts.stopped;
  }
  const most = Math.max(1, ...sums.map((sum) => sum.done + sum.stopped));
  const x = (age) => width - ((age + 1) * width) / seconds;
  const tall = (count) => (count * (height - foot - head)) / most;
  const base = height - foot;
  const shapes = [drawn("line", { class: "axis", x1: 0, x2: width, y1: base, y2: base })];
  sums.forEach((sum, age) => {
    const wide = Math.max(1, width / seconds);
    for (const [kind, count, below] of [["done", sum.done, 0], ["stopped", sum.stopped, sum.done]]) {
      if (count > 0) {
        shapes.push(drawn("rect", { class: kind, x: x(age), width: wide, y: base - tall(below + count), height: tall(count) }));
      }
    }
  });
  const named = (mark) => (mark.incident === null ? mark.what : `${mark.what} ${mark.incident}`);
  const lanes = Array(LANES).fill(-Infinity);
  for (const mark of marks) {
    shapes.push(drawn("line", { class: "mark", x1: x(mark.age), x2: x(mark.age), y1: head, y2: base }));
    // One for which there is no room is left out; the line stays.
    const wide = named(mark).length * LETTER;
    const left = Math.min(x(mark.age) + 2, width - wide);
    const lane = lanes.findIndex((free) => free <= left);
    if (lane >= 0) {
      shapes.push(drawn("text", { x: left, y: 10 + lane * LANE }, named(mark)));
      lanes[lane] = left + wide + LETTER;
    }
  }
  for (const minute of [5, 4, 3, 2, 1]) {
    shapes.push(drawn("text", { x: Math.max(0, x(minute * 60 - 1)) + 2, y: height - 4 }, `-${minute} min`));
  }
  at("timeline").setAttribute("viewBox", `0 0 ${width} ${height}`);
  at("timeline").replaceChildren(...shapes);
  const sum = (kind) => sums.reduce((all, each) => all + each[kind], 0);
  at("timeline-words").textContent = `${many(sum("done"), "operation", "operations")} happened (blue), `
    + `${sum("stopped")} were stopped before they did (red); at most ${most} in a second`
    + (marks.length ? `; last: ${named(marks.at(-1))}, ${span(marks.at(-1).age)} ago` : "");
}

function show(view) {
  at("host").textContent = view.host;
  document.title = view.incidents.length ? `(${view.incidents.length}) burstguard ${view.host}` : `burstguard ${view.host}`;
  const daemon = view.daemon;
  const words = daemon && [
    daemon.mode === "off" ? "OFF" : daemon.mode === "observe" ? "only observing" : "enforcing",
    `tier ${daemon.tier}`, `version ${view.version}`, `armed ${span(between(daemon.armed_at, view.at))} ago`,
    daemon.records_lost ? `${daemon.records_lost} records lost` : "", daemon.kernel_errors ? `${daemon.kernel_errors} kernel errors` : "",
    daemon.governor_until ? "the governor is engaged" : "",
  ];
  at("daemon").textContent = words ? words.filter(Boolean).join(" · ") : "";
  at("trouble").hidden = view.trouble === null;
  at("trouble").textContent = view.trouble ?? "";
  cards("incidents", "nothing waits", view.incidents.map((one) => incident(view, one)));
  const fullness = (one) => Math.max(0, ...one.budgets.map(share));
  const urgency = (one) => (one.incident === null ? 0 : 2) + Math.min(1, fullness(one));
  // Those that are alike stay by name, as they come.
  const accounts = [...view.accounts].sort((a, b) => urgency(b) - urgency(a));
  cards("accounts", "no account is watched", accounts.map((one) => account(view, one)));
  timeline(view.timeline);
}

async function ask() {
  const live = at("live");
  try {
    const answer = await fetch("/page.json", { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) {
      throw new Error(`it answers ${answer.status}`);
    }
    show(await answer.json());
    live.className = "";
    live.textContent = `live, ${new Date().toLocaleTimeString()}`;
  } catch (error) {
    live.className = "stale";
    live.textContent = `NOT LIVE: ${error.message}; what is shown is old`;
  }
  setTimeout(ask, EACH_MS);
}

ask();
