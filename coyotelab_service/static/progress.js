// Shows how far a workspace has come up, and goes there when it is ready.
"use strict";

const start = document.getElementById("start");
const bar = document.getElementById("bar");
const step = document.getElementById("step");
const steps = document.getElementById("steps");

function show(percent, message) {
  bar.style.width = `${percent}%`;
  bar.parentElement.setAttribute("aria-valuenow", percent);
  if (message && message !== step.textContent) {
    step.textContent = message;
    const line = document.createElement("li");
    line.textContent = message;
    steps.append(line);
  }
}

function fail(message) {
  source.close();
  start.hidden = true;
  document.getElementById("reason").textContent = message;
  document.getElementById("failed").hidden = false;
  document.getElementById("retry").focus();
}

let misses = 0;
const source = new EventSource(start.dataset.progress);
source.onmessage = (message) => {
  misses = 0;
  const event = JSON.parse(message.data);
  if (event.failed) {
    fail(event.message);
  } else if (event.ready) {
    source.close();
    show(100, start.dataset.ready);
    location.replace(start.dataset.workspace);
  } else {
    show(event.progress, event.message);
  }
};
source.onerror = () => {
  // The browser tries again by itself, unless the answer was no stream at all.
  misses += 1;
  if (source.readyState === EventSource.CLOSED || misses > 5) {
    fail(start.dataset.lost);
  }
};
