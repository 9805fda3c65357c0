import type { Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../cli/program.js';
import { documents, inlineCommands, ofMuster, shellBlocks, simpleCommands } from '../../helpers/documented.js';

/** What is wrong with the words after `muster`, in words. `mentioned`: within a sentence, where arguments may be left out. */
function problemOf(words: readonly string[], mentioned: boolean): string | undefined {
  let command: Command = createProgram(undefined);
  let rest = [...words];
  while (command.commands.length > 0) {
    const [verb = '', ...more] = rest;
    if (verb.startsWith('-') || (verb === 'VERB' && mentioned)) return undefined;
    const found = command.commands.find((each) => each.name() === verb || each.aliases().includes(verb));
    if (!found && verb === '' && mentioned) return undefined;
    if (!found) return `there is no verb ${verb} of ${command.name()}`;
    [command, rest] = [found, more];
  }
  const own = rest.slice(0, rest.includes('--') ? rest.indexOf('--') : undefined);
  let positional = 0;
  for (let i = 0; i < own.length; i++) {
    const word = own[i] ?? '';
    if (!word.startsWith('-')) positional++;
    else {
      const option = optionOf(command, word);
      if (!option) return `${command.name()} has no option ${word}`;
      if (!option.required || word.includes('=')) continue;
      if (own[++i] === undefined && !mentioned) return `${command.name()} ${word} lacks its value`;
    }
  }
  const { registeredArguments: expected } = command;
  if (positional > expected.length && !expected.at(-1)?.variadic) return `${command.name()} takes ${expected.length} arguments, not ${positional}`;
  const needed = expected.filter(({ required }) => required).length;
  return positional < needed && !mentioned ? `${command.name()} needs ${needed} arguments` : undefined;
}

function optionOf(command: Command, word: string): Option | undefined {
  const flag = word.split('=', 1)[0] ?? word;
  if (flag === '--help' || flag === '-h') return command.createOption('-h, --help');
  return command.options.find(({ long, short }) => long === flag || short === flag);
}

/** `muster stop RUN [--now]`, `schedule apply FILE | list`: the brackets of usage texts, and the first of several. */
function plain(text: string): string {
  return (text.split(/ \| /, 1)[0] ?? '').replace(/[[\]…]/g, '').replace(/<(\w+)(?:\.\.\.)?>/g, '$1');
}

describe.each(documents())('%s', (path) => {
  it('shows only commands that there are, with options that they have', () => {
    const blocks = shellBlocks(path).flatMap(({ where, text }) => simpleCommands(text).map((words) => ({ where, words, mentioned: false })));
    const inline = inlineCommands(path).flatMap(({ where, text }) => simpleCommands(plain(text)).map((words) => ({ where, words, mentioned: true })));
    const wrong = [...blocks, ...inline].flatMap(({ where, words, mentioned }) => {
      const own = ofMuster(words);
      const problem = own && problemOf(own, mentioned);
      return problem === undefined ? [] : [`${where}: ${words.join(' ')}: ${problem}`];
    });
    expect(wrong).toEqual([]);
  });
});

describe('the reader of documents', () => {
  it.each([
    ['muster rum x', 'there is no verb rum of muster'],
    ['muster logs RUN --fallow', 'logs has no option --fallow'],
    ['muster schedule apply', 'apply needs 1 arguments'],
    ['muster stop RUN now', 'stop takes 1 arguments, not 2'],
    ['muster host --name', 'host --name lacks its value'],
    ['TEMPORAL_ADDRESS=a:1 muster logs RUN -f --rank 3 | tail -n 5', undefined],
    ["npm run -s muster -- run -n 3 --dev -- 'echo --none' x", undefined],
    ['docker compose exec control muster hosts --nothing', 'hosts has no option --nothing'],
    ['muster scale RUN workers=5 head=1 # all of them', undefined],
  ])('says of `%s`: %s', (text, problem) => {
    const [words = []] = simpleCommands(text);
    expect(problemOf(ofMuster(words) ?? [], false)).toBe(problem);
  });
});
