// Keeps the states of one's workspaces true while somebody looks at the page.
"use strict";

{
  const CALM = 5000; // ms between two looks; faster while something is under way
  const QUICK = 1500;
  const source = document.querySelector("[data-states]");
  const news = document.getElementById("news");
  let timer = 0;
  let ended = false;

  function show(slug, { state, label }) {
    for (const shown of source.querySelectorAll(`[data-state-of="${CSS.escape(slug)}"]`)) {
      if (shown.textContent === label) continue;
      shown.className = `state state-${state}`;
      shown.textContent = label;
      const name = shown.closest("article")?.querySelector("h3")?.textContent.trim() ?? slug;
      if (news) news.textContent = `${name}: ${label}`;
    }
  }

  async function look() {
    if (document.hidden || ended) return;
    const answer = await fetch(source.dataset.states, { redirect: "manual" }).catch(() => null);
    if (ended) return; // two looks were under way
    let pause = CALM;
    if (answer?.ok) {
      const states = await answer.json().catch(() => ({}));
      for (const [slug, state] of Object.entries(states)) show(slug, state);
      const busy = Object.values(states).some(({ state }) => ["starting", "stopping"].includes(state));
      pause = busy ? QUICK : CALM;
    } else if (answer?.type === "opaqueredirect") return showEnd();
    else pause = CALM * 4;
    plan(pause);
  }

  /** The session has ended: what is shown may be old, and asking again would be in vain. */
  function showEnd() {
    ended = true;
    const told = document.createElement("p");
    told.className = "alert alert-warning";
    told.setAttribute("role", "alert");
    told.textContent = source.dataset.ended;
    source.before(told);
  }

  function plan(pause) {
    if (ended) return;
    clearTimeout(timer);
    timer = setTimeout(look, pause);
  }

  if (source.querySelector("[data-state-of]")) {
    document.addEventListener("visibilitychange", () => plan(100));
    plan(QUICK);
  }
}
