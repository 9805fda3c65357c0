const MOST_NAMED = 4;

/** `a, b and c`; of many the first ones, and how many more. */
export function named(names: readonly string[], most = MOST_NAMED): string {
  const more = names.length - most;
  if (more > 0) return `${names.slice(0, most).join(', ')} and ${more} more`;
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** `1 host`, `3 hosts`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** `c joined`, `a and b left`, or both; of what has not changed, nothing. */
export function comings(before: readonly string[], now: readonly string[], most = MOST_NAMED): string[] {
  const came = now.filter((name) => !before.includes(name));
  const left = before.filter((name) => !now.includes(name));
  return [...(came.length > 0 ? [`${named(came, most)} joined`] : []), ...(left.length > 0 ? [`${named(left, most)} left`] : [])];
}
