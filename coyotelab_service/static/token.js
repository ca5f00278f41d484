// Copies the new token, and says so.
"use strict";

const copy = document.getElementById("copy");
copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  const token = document.getElementById("token");
  token.select();
  await navigator.clipboard.writeText(token.value);
  copy.textContent = copy.dataset.done ?? "Copied";
});
