// Light or dark before the first paint: as chosen, else as the system says. One choice for all of
// CoyoteLab's hosts, in a cookie; it is read by scripts only.
"use strict";

const COOKIE = "coyotelab-theme";
const domain = document.currentScript.dataset.domain;
const dark = matchMedia("(prefers-color-scheme: dark)");

function readTheme() {
  const found = document.cookie.match(/(?:^|; )coyotelab-theme=(light|dark)(?:;|$)/);
  return found ? found[1] : "auto";
}

function applyTheme() {
  const chosen = readTheme();
  const theme = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
  document.documentElement.dataset.bsTheme = theme;
  for (const button of document.querySelectorAll("[data-theme-choices] button")) {
    button.setAttribute("aria-pressed", button.dataset.theme === chosen);
  }
}

function chooseTheme(choice) {
  const life = choice === "auto" ? 0 : 60 * 60 * 24 * 365;
  const wide = domain ? `; domain=${domain}` : "";
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${COOKIE}=${choice}; path=/; max-age=${life}; samesite=lax${wide}${secure}`;
  applyTheme();
}

applyTheme();
dark.addEventListener("change", applyTheme);
addEventListener("pageshow", applyTheme);
addEventListener("DOMContentLoaded", () => {
  for (const group of document.querySelectorAll("[data-theme-choices]")) {
    group.hidden = false;
    for (const button of group.querySelectorAll("button")) {
      button.addEventListener("click", () => chooseTheme(button.dataset.theme));
    }
  }
  applyTheme();
});
