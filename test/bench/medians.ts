/** One measurement: numbers with their unit in the name, and what was measured. */
export type Sample = Record<string, number | string | boolean>;

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The smallest value that so large a part of all values does not exceed: `part` 0.99 for p99. */
export function percentile(values: readonly number[], part: number): number {
  return [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(values.length * part) - 1)] ?? Number.NaN;
}

/** The median of each number over all samples; what is no number is the first sample's. `worst`: the largest of that one number. */
export function medians(samples: readonly Sample[], main: string): Sample {
  const [first = {}] = samples;
  const entries = Object.entries(first).map(([key, value]) => [key, typeof value === 'number' ? median(samples.map((sample) => Number(sample[key]))) : value]);
  return { ...Object.fromEntries(entries), repeat: samples.length, [`worst_${main}`]: Math.max(...samples.map((sample) => Number(sample[main]))) };
}
