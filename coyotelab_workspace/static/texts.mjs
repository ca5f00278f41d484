// The page's sentences in the reader's language; the English ones are their names.
const texts = JSON.parse(document.body.dataset.texts);

export function tell(sentence, values = {}) {
  const told = texts[sentence] ?? sentence;
  return told.replace(/\{(\w+)\}/g, (hole, name) => values[name] ?? hole);
}
