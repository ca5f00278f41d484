// The terminal page: tabs, the connection's state in words, and what to do when it is gone.
import { FULL, REVOKED, Terminal } from "./terminal.mjs";
import { tell } from "./texts.mjs";

const prefix = document.body.dataset.prefix;
const find = (selector) => document.querySelector(selector);
const tabs = find(".tabs");
const terminals = new Map(); // name -> { terminal, tab }
let current = null;
let attempts = 0;
let waiting = false;
let reader = localStorage.getItem("coyotelab-reader") === "1";

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function say(word) {
  if (find(".state").textContent !== tell(word)) find(".state").textContent = tell(word);
}

function showGone(sentence) {
  find(".gone").hidden = !sentence;
  find(".gone p").textContent = tell(sentence);
}

function showVisitors(visitors) {
  const bar = find(".visitors");
  const others = visitors.filter(({ name }) => name !== document.body.dataset.viewer);
  const sentences = others.map(({ name, since }) => {
    const time = new Date(since).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });
    return tell("{name} has been in this workspace since {time}.", { name, time });
  });
  bar.textContent = sentences.join(" ");
  bar.hidden = !others.length;
}

function select(name, focus = true) {
  current = name;
  for (const [other, { terminal, tab }] of terminals) {
    const chosen = other === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    terminal.panel.hidden = !chosen;
  }
  const { terminal } = terminals.get(name);
  terminal.fit();
  say(terminal.state);
  if (focus) terminal.xterm.focus();
}

function open(name, focus = true) {
  const label = tell("Terminal {name}", { name });
  const panel = element("div", { className: "panel", id: `panel-${name}`, role: "tabpanel", ariaLabel: label });
  const close = element("span", { className: "close", title: tell("Close terminal {name}", { name }), ariaHidden: "true" }, "×");
  const tab = element("button", { type: "button", role: "tab", id: `tab-${name}`, ariaLabel: label }, name, close);
  tab.setAttribute("aria-controls", panel.id);
  tab.setAttribute("aria-keyshortcuts", "Delete");
  tab.onclick = (event) => (event.target === close ? shut(name) : select(name));
  tabs.append(tab);
  find(".terminals").append(panel);
  const terminal = new Terminal(name, prefix, panel, {
    onState: (word) => {
      if (word === "Connected") {
        attempts = 0;
        showGone("");
      }
      if (current === name) say(word);
    },
    onLost: (event, wasOpen) => lose(event, wasOpen),
    onLeave: () => tab.focus(),
    onVisitors: showVisitors,
  });
  terminal.xterm.options.screenReaderMode = reader;
  terminals.set(name, { terminal, tab });
  select(name, focus);
  terminal.connect();
}

function openNext() {
  let number = 1;
  while (terminals.has(String(number))) number += 1;
  open(String(number));
}

async function shut(name) {
  const { terminal, tab } = terminals.get(name);
  const neighbor = tab.previousElementSibling ?? tab.nextElementSibling;
  terminals.delete(name);
  terminal.dispose();
  tab.remove();
  if (neighbor) select(neighbor.id.replace("tab-", ""));
  await fetch(`${prefix}api/terminals/${name}`, { method: "DELETE" }).catch(() => null);
  if (!neighbor) openNext();
}

function lose(event, wasOpen) {
  if (event.code === REVOKED) showGone("Your access to this workspace has ended.");
  else if (event.code === FULL) say("Too many terminals are open; close one first.");
  else if (!waiting) tryLater("Connection lost, trying again…", wasOpen);
}

function tryLater(word, soon = false) {
  waiting = true;
  attempts += soon ? 0 : 1;
  say(word);
  setTimeout(retry, Math.min(10_000, 300 * 2 ** attempts) * (0.8 + 0.4 * Math.random()));
}

async function retry() {
  const answer = await fetch(`${prefix}api`, { redirect: "manual", cache: "no-store" }).catch(() => null);
  waiting = false;
  if (answer?.ok) {
    if (attempts > 3) showGone("The workspace runs but does not let this page in. Open it again to log in.");
    for (const { terminal } of terminals.values()) {
      if (terminal.socket?.readyState === WebSocket.CLOSED && !terminal.ended) terminal.connect();
    }
  } else if (answer) {
    showGone("This workspace is not running. Its files are kept.");
    tryLater("Not running");
  } else tryLater("No connection, trying again…");
}

function setReader(on) {
  reader = on;
  localStorage.setItem("coyotelab-reader", on ? "1" : "0");
  find(".reader").setAttribute("aria-pressed", on);
  for (const { terminal } of terminals.values()) terminal.xterm.options.screenReaderMode = on;
}

tabs.onkeydown = (event) => {
  const list = [...terminals.keys()];
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) {
    select(list.at((list.indexOf(current) + step) % list.length), false);
    terminals.get(current).tab.focus();
  } else if (event.key === "Delete") shut(current);
};
find(".new").onclick = openNext;
find(".reader").onclick = () => setReader(!reader);
find(".menu").onclick = ({ target }) => {
  target.setAttribute("aria-expanded", find("#links").classList.toggle("open"));
};
find("header").onkeydown = ({ key }) => {
  if (key !== "Escape" || !find("#links").classList.contains("open")) return;
  find(".menu").click();
  find(".menu").focus();
};
new ResizeObserver(() => terminals.get(current)?.terminal.fit()).observe(find(".terminals"));

setReader(reader);
open("1");
const listed = await fetch(`${prefix}api/terminals`).then((r) => (r.ok ? r.json() : []), () => []);
for (const { name } of listed) if (!terminals.has(name)) open(name, false);
if (current !== "1" && terminals.has("1")) select("1");
