import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What a document shows to be typed. */
export interface Shown {
  /** file:line */
  where: string;
  /** Under which it stands. */
  heading: string;
  text: string;
}

/** All documents that a reader follows; the reference of the command line is made from the commands themselves. */
export function documents(): string[] {
  const inside = (folder: string) => readdirSync(`${ROOT}/${folder}`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`);
  const all = ['README.md', 'CONTRIBUTING.md', ...inside('docs'), ...inside('examples')];
  return all.filter((path) => path.endsWith('.md') && path !== 'docs/command-line.md').sort();
}

/** The fenced blocks of shell commands of a document; of a session the lines after `$ `. */
export function shellBlocks(path: string): Shown[] {
  return blocks(read(path), path).flatMap(({ where, heading, language, text }) => {
    if (language === 'sh') return [{ where, heading, text }];
    if (language !== 'console') return [];
    const typed = text.split('\n').flatMap((line) => (line.startsWith('$ ') ? [line.slice(2)] : []));
    return [{ where, heading, text: typed.join('\n') }];
  });
}

/** The task files that a document shows. */
export function taskBlocks(path: string): Shown[] {
  return blocks(read(path), path).flatMap(({ language, ...shown }) => (language === 'yaml' ? [shown] : []));
}

/** Commands of ours within sentences: `muster logs RUN -f`. */
export function inlineCommands(path: string): Omit<Shown, 'heading'>[] {
  const prose = read(path).replace(/^```.*?^```$/gms, (block) => block.replace(/[^\n]/g, ''));
  return [...prose.matchAll(/`(muster [^`\n]*)`/g)].map((match) => ({ where: placeOf(prose, path, match.index), text: match[1] ?? '' }));
}

/** The simple commands of shell text, each as its words: without comments, redirections and variables set before; a word keeps what was quoted. */
export function simpleCommands(text: string): string[][] {
  const commands: string[][] = [[]];
  const token = /\\\n|\s*(?:#[^\n]*)|\n|&&|\|\||[|;&]|\d?>+\s*\S+|(?:'[^']*'|"(?:\\.|[^"\\])*"|\$\([^)]*\)|[^\s'"|;&<>\\]|\\.)+|[^\S\n]+|./gy;
  for (const [each] of text.matchAll(token)) {
    if (/^(?:\n|&&|\|\||[|;&])$/.test(each)) commands.push([]);
    else if (!/^(?:\\\n|\s|#|\d?>)/.test(each) && each.trim() !== '') commands.at(-1)?.push(unquoted(each));
  }
  return commands.map((words) => words.slice(words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word)))).filter((words) => words.length > 0);
}

/** What follows `muster`, also where it is started by npm or in a container; undefined for other programs. */
export function ofMuster(words: readonly string[]): string[] | undefined {
  if (words[0] === 'muster') return words.slice(1);
  if (words[0] === 'npm' && words[1] === 'run' && words.includes('muster')) return words.slice(words.indexOf('--') + 1);
  const at = words.indexOf('muster');
  return words[0] === 'docker' && at > 0 ? words.slice(at + 1) : undefined;
}

function read(path: string): string {
  return readFileSync(`${ROOT}/${path}`, 'utf8');
}

function blocks(text: string, path: string): (Shown & { language: string })[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((match) => {
    const [, language = '', inside = ''] = match;
    return { where: placeOf(text, path, match.index), heading: headingOf(text, match.index), language, text: inside };
  });
}

function placeOf(text: string, path: string, index: number): string {
  return `${path}:${text.slice(0, index).split('\n').length}`;
}

function headingOf(text: string, index: number): string {
  return [...text.slice(0, index).matchAll(/^#+ (.*)$/gm)].at(-1)?.[1] ?? '';
}

function unquoted(word: string): string {
  return word.replace(/'([^']*)'|"((?:\\.|[^"\\])*)"/g, (_, single?: string, double?: string) => single ?? double ?? '');
}
