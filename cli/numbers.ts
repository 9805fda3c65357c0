import { readNodes } from '../spec/task/elastic.js';
import { MAX_NODES } from '../spec/task/task.js';
import { UsageError } from './exit.js';

/** A reader of whole numbers for an option. Throws `UsageError` naming the option. */
export function wholeNumber(option: string, atLeast: number, atMost: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= atLeast && number <= atMost) return number;
    throw new UsageError(`${option} takes a whole number from ${atLeast} to ${atMost}, not ${JSON.stringify(text)}`);
  };
}

/** A reader of how many nodes, a number or a range, as the task file has it. Throws `UsageError` naming the option. */
export function nodesOf(option: string): (text: string) => number | string {
  return (text) => {
    const wanted = /^\d+$/.test(text) ? Number(text) : text;
    if ('value' in readNodes(wanted)) return wanted;
    throw new UsageError(`${option} takes a whole number from 1 to ${MAX_NODES}, or a range of them such as 2..8, not ${JSON.stringify(text)}`);
  };
}

/** Gathers an option that may be given several times. */
export function gathered(value: string, before: string[] = []): string[] {
  return [...before, value];
}
