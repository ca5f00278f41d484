// Light or dark as it was chosen on CoyoteLab's pages, before the first paint; else the system's.
"use strict";

{
  const chosen = document.cookie.match(/(?:^|; )coyotelab-theme=(light|dark)(?:;|$)/);
  if (chosen) document.documentElement.style.colorScheme = chosen[1];
}
