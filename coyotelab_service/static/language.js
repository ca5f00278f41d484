// Remembers the language somebody chooses on a page of the Hub, in the cookie that all pages read.
"use strict";

{
  const YEAR = 60 * 60 * 24 * 365; // seconds
  const domain = document.currentScript.dataset.domain;

  function choose(code) {
    const wide = domain ? `; domain=${domain}` : "";
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `coyotelab-language=${code}; path=/; max-age=${YEAR}; samesite=lax${wide}${secure}`;
    location.reload();
  }

  for (const group of document.querySelectorAll("[data-language-choices]")) {
    group.hidden = false;
    for (const button of group.querySelectorAll("button")) {
      button.addEventListener("click", () => choose(button.dataset.language));
    }
  }
}
