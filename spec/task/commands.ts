import { found } from './problem.js';
import { listOf, textWhere } from './words.js';

const command = textWhere('a command as text', (text) => text.trim() !== '', 'put a command that YAML reads otherwise in quotes');

/** One script, joined by `&&`. */
export const commandsSchema = listOf(command, 'commands').min(1, { error: (issue) => `expected at least one command, got ${found(issue.input)}` });
