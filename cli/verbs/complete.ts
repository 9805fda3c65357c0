import { Command } from 'commander';
import { askServer } from '../completion/ask-server.js';
import { complete } from '../completion/complete.js';
import { COMPLETE_VERB, FILES_DIRECTIVE } from '../completion/scripts.js';
import { print } from '../print.js';
import { printable } from '../terminal/text.js';

/** For the scripts of `muster completion`: what may stand where the last of these words is being written. Says nothing of what goes wrong. */
export function completeVerb(words: readonly string[] | undefined): Command {
  return new Command(COMPLETE_VERB).action(async () => {
    const { createProgram } = await import('../program.js');
    const begun = words?.at(-1) ?? '';
    const found = complete(createProgram(undefined), words ?? ['']);
    if (found.ask === 'files') return print(FILES_DIRECTIVE);
    const asked = found.ask === null ? [] : await askServer(found);
    // A word that cannot be written as it is cannot be completed either.
    const fit = asked.filter(({ word }) => word.startsWith(begun) && word === printable(word));
    for (const { word, about } of [...found.words, ...fit]) print(`${word}\t${printable(about)}`);
  });
}
