/**
 * Is every GPU of this model one of the names, as people write them (`A100`, `RTX4090`, `MI300X`)? A name is some words of the model in a
 * row, whatever the case and the spaces; a Ti or SUPER is another card. A slice of a GPU (MIG) goes only by a name that says so.
 */
export function isNamed(model: string, names: readonly string[]): boolean {
  return partsOf(model).every((part) => names.some((name) => hasName(part, name)));
}

/** Are all GPUs of this model by that vendor (`nvidia`, `amd`)? */
export function isBy(model: string, vendor: string): boolean {
  return partsOf(model).every((part) => wordsOf(part).includes(vendor.toLowerCase()));
}

/** Agents join the models of different GPUs with ` + `. */
function partsOf(model: string): string[] {
  return model.split(' + ');
}

function hasName(model: string, name: string): boolean {
  const words = wordsOf(model);
  const wanted = wordsOf(name).join('');
  if (words.includes('mig') && !wanted.includes('mig')) return false;
  return words.some((_, from) => {
    const to = words.findIndex((__, end) => end >= from && words.slice(from, end + 1).join('') === wanted);
    return to !== -1 && !OTHER_CARD.has(words[to + 1] ?? '');
  });
}

function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

const OTHER_CARD: ReadonlySet<string> = new Set(['ti', 'super', 'ada', 'd', 'xt', 'xtx', 'gre']);
