// Suggests a short name from the name, until somebody types one.
"use strict";

const courseName = document.getElementById("name");
const slug = document.getElementById("slug");
let typed = slug.value !== "";

function suggest(text) {
  const plain = text.normalize("NFKD").toLowerCase().replace(/[\u0300-\u036f'’]/g, "");
  const words = plain.match(/[a-z0-9]+/g) || [];
  return words.join("-").replace(/^[^a-z]+/, "").slice(0, 30).replace(/-$/, "");
}

slug.addEventListener("input", () => {
  typed = slug.value !== "";
});
courseName.addEventListener("input", () => {
  if (!typed) {
    slug.value = suggest(courseName.value);
  }
});
