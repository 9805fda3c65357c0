import { UsageError } from './exit.js';

/** A reader of whole numbers for an option. Throws `UsageError` naming the option. */
export function wholeNumber(option: string, atLeast: number, atMost: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= atLeast && number <= atMost) return number;
    throw new UsageError(`${option} takes a whole number from ${atLeast} to ${atMost}, not ${JSON.stringify(text)}`);
  };
}

/** Gathers an option that may be given several times. */
export function gathered(value: string, before: string[] = []): string[] {
  return [...before, value];
}
