// One terminal: an xterm.js and a WebSocket to its shell, which outlives the connection.
import { FitAddon } from "./xterm/addon-fit.mjs";
import { Unicode11Addon } from "./xterm/addon-unicode11.mjs";
import { WebLinksAddon } from "./xterm/addon-web-links.mjs";
import { tell } from "./texts.mjs";
import { Terminal as Xterm } from "./xterm/xterm.mjs";

export const REVOKED = 4403;
export const FULL = 4429;
const PAUSE_AT = 1_000_000; // characters that xterm has still to draw
const RESUME_AT = 100_000;
const THEME = { background: "#16181d", foreground: "#e6e6e6", cursor: "#f0a53a", selectionBackground: "#3d5a80" };

export class Terminal {
  // events: onState(word), onLost(closeEvent, wasOpen), onLeave(), onVisitors([{name, since}])
  constructor(name, prefix, panel, events) {
    this.name = name;
    this.url = `${location.origin.replace(/^http/, "ws")}${prefix}terminals/websocket/${name}`;
    this.panel = panel;
    this.events = events;
    this.state = "Connecting…";
    this.pending = 0;
    this.visited = false;
    this.ended = false;
    this.xterm = new Xterm({
      allowProposedApi: true, cursorBlink: true, fontSize: 15, scrollback: 5000, theme: THEME,
      fontFamily: "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace",
    });
    this.fitter = new FitAddon();
    for (const addon of [this.fitter, new WebLinksAddon(), new Unicode11Addon()]) this.xterm.loadAddon(addon);
    this.xterm.unicode.activeVersion = "11";
    this.xterm.open(panel);
    this.xterm.attachCustomKeyEventHandler((event) => this.filterKey(event));
    this.xterm.onData((text) => this.type(text));
    this.xterm.onBinary((text) => this.type(text));
    this.xterm.onResize(({ rows, cols }) => this.send(["set_size", rows, cols]));
  }

  connect() {
    this.fit();
    this.ended = false;
    const { rows, cols } = this.xterm;
    const socket = new WebSocket(`${this.url}?rows=${rows}&cols=${cols}`);
    let opened = false;
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      const [kind, content] = JSON.parse(data);
      if (kind === "setup") {
        opened = true;
        this.setUp(content.created);
      } else if (kind === "stdout") this.show(content);
      else if (kind === "visitors") this.events.onVisitors(content);
      else if (kind === "disconnect") this.end();
    };
    socket.onclose = (event) => {
      if (this.socket !== socket || this.ended) return;
      this.setState("Connection lost");
      this.events.onLost(event, opened);
    };
  }

  setUp(created) {
    this.pending = 0;
    if (created && this.visited) this.note("The workspace was started again. This is a new shell.");
    else if (this.visited) this.xterm.reset(); // the shell's last output is sent once more
    this.replaying = !created;
    this.visited = true;
    this.setState("Connected");
    this.send(["set_size", this.xterm.rows, this.xterm.cols]);
  }

  show(text) {
    this.pending += text.length;
    if (this.pending > PAUSE_AT && !this.paused) this.send([(this.paused = true) && "pause"]);
    this.xterm.write(text, () => {
      this.pending -= text.length;
      this.replaying = false;
      if (this.paused && this.pending < RESUME_AT) this.send([(this.paused = false) || "resume"]);
    });
  }

  end() {
    this.ended = true;
    this.visited = false;
    this.setState("Shell ended");
    this.note("The shell has ended. Press Enter for a new one.");
  }

  note(sentence) {
    this.xterm.write(`\x1b[0m\r\n\x1b[2m— ${tell(sentence)} —\x1b[0m\r\n`);
  }

  type(text) {
    if (this.ended) {
      if (text === "\r") this.connect();
    } else if (!this.replaying) this.send(["stdin", text]); // answers to old questions are not sent again
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  filterKey(event) {
    if (event.type !== "keydown" || !event.ctrlKey) return true;
    if (event.key === "F6") {
      event.preventDefault();
      this.events.onLeave();
      return false;
    }
    if (!event.shiftKey) return true;
    const key = event.key.toLowerCase();
    if (key === "c") {
      event.preventDefault();
      document.execCommand("copy"); // xterm.js puts its selection there; works without https
    }
    return key !== "c" && key !== "v";
  }

  setState(word) {
    this.state = word;
    this.events.onState(word);
  }

  fit() {
    if (this.panel.offsetParent) this.fitter.fit();
  }

  dispose() {
    this.ended = true;
    this.socket?.close();
    this.xterm.dispose();
    this.panel.remove();
  }
}
