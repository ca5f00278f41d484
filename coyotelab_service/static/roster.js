// Searches the students while somebody types, without loading the whole page again.
"use strict";

{
  const PAUSE = 350; // ms without a key
  const form = document.getElementById("search");
  let timer = 0;
  let latest = 0;

  async function search() {
    const number = ++latest;
    const address = `${form.action}?${new URLSearchParams(new FormData(form))}`;
    const answer = await fetch(address, { redirect: "manual" }).catch(() => null);
    if (number !== latest) return;
    if (!answer?.ok) return form.submit();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (number !== latest) return;
    // Forms and links of the page are those of a page that was loaded with this search.
    history.replaceState(null, "", address);
    for (const part of ["#found", ".coyote-tabs", ".coyote-tools .coyote-actions"]) {
      const [old, fresh] = [document.querySelector(part), page.querySelector(part)];
      if (old && fresh) old.replaceChildren(...fresh.childNodes);
    }
    const [list, found] = [document.getElementById("found"), page.getElementById("found")];
    list.dataset.states = found.dataset.states;
    const told = list.querySelector("caption, .coyote-empty-title");
    document.getElementById("news").textContent = told?.textContent ?? "";
  }

  form?.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
  });
}
