import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { byteLength } from './byteLength.js';
import { found, type Locate, type Problem, type Warning } from './problem.js';
import { tooDeepAt } from './yamlDepth.js';
import { locateIn, surveyTree } from './yamlTree.js';
import { syntaxMessage } from './yamlWords.js';

export type ReadYaml = { ok: true; value: unknown; locate: Locate; warnings: Warning[] } | { ok: false; problems: Problem[]; warnings: Warning[] };

/** A hostile text of this size is read, or refused, within a second. */
const LARGEST_FILE_BYTES = 262_144;
const MOST_ALIASES = 100;
const NOT_A_MAP = 'expected a map with keys such as `nodes` and `commands`';

/**
 * A task file's text as a plain value with the line of everything in it, or what is wrong with
 * the text. Total: it never throws. It reads YAML 1.2 with merge keys, as dstack's reader does.
 */
export function readTaskYaml(text: string): ReadYaml {
  // The library makes an error with a stack for each complaint, of which the first alone is told.
  const { stackTraceLimit } = Error as { stackTraceLimit?: number };
  try {
    Object.assign(Error, { stackTraceLimit: 0 });
    return readDocument(text);
  } catch {
    // The library's own limits, which the checks before it should have met.
    return refused([{ path: '', message: 'expected plain YAML, got a file that cannot be read' }]);
  } finally {
    Object.assign(Error, { stackTraceLimit });
  }
}

function readDocument(text: string): ReadYaml {
  const unreadable = textProblem(text);
  if (unreadable !== undefined) return refused([unreadable]);

  const lines = new LineCounter();
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const document = parseDocument(text, {
    lineCounter: lines,
    logLevel: 'error', // Not `silent`, which would let a second document pass.
    merge: true,
    prettyErrors: false,
    resolveKnownTags: false,
    stringKeys: true,
    uniqueKeys: false, // The library's check is quadratic; ours is in `surveyTree`.
  });

  // One mistake makes the parser stumble on; only the first complaint is sure to be true.
  const complaint = document.errors[0] ?? document.warnings[0];
  if (complaint !== undefined) {
    return refused([{ path: '', line: lineAt(complaint.pos[0]), message: syntaxMessage(complaint) }]);
  }
  if (!isMap(document.contents)) {
    return refused([{ path: '', message: `${NOT_A_MAP}, got ${topLevel(document.contents)}` }]);
  }

  const survey = surveyTree(document.contents, lineAt, MOST_ALIASES);
  if (survey.problems.length > 0) return { ok: false, problems: survey.problems, warnings: survey.warnings };
  try {
    const value: unknown = document.toJS({ maxAliasCount: MOST_ALIASES });
    return { ok: true, value, locate: locateIn(document, lineAt), warnings: survey.warnings };
  } catch (error) {
    // A merge key without a map to merge, or aliases of aliases that would grow without end.
    const bomb = error instanceof ReferenceError;
    const message = bomb ? 'expected aliases that stay small, got aliases of aliases that grow too large' : 'expected `<<` to merge a map, or an alias of one';
    return refused([{ path: '', message }]);
  }
}

function textProblem(text: string): Problem | undefined {
  const bytes = text.length > LARGEST_FILE_BYTES ? text.length : byteLength(text);
  if (bytes > LARGEST_FILE_BYTES) return { path: '', message: `expected a file of at most 256 KiB, got ${bytes} bytes or more` };
  const nul = text.indexOf('\0');
  if (nul >= 0) return { path: '', line: text.slice(0, nul).split('\n').length, message: 'expected text, got a NUL byte' };
  const deepLine = tooDeepAt(text);
  return deepLine === undefined ? undefined : { path: '', line: deepLine, message: 'expected at most 100 levels of nesting, got more' };
}

function topLevel(contents: unknown): string {
  const value: unknown = isScalar(contents) ? contents.value : contents;
  if (value === null) return 'an empty file';
  return isScalar(contents) ? found(value) : 'a list';
}

function refused(problems: Problem[]): ReadYaml {
  return { ok: false, problems, warnings: [] };
}
