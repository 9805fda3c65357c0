import { type Document, isAlias, isMap, isNode, isPair, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { type Locate, type Path, type Problem, problemAt, type Warning } from './problem.js';
import { quoteKey } from './words.js';

interface Survey {
  problems: Problem[];
  warnings: Warning[];
}

// PyYAML, which dstack reads with, takes these for true and false.
const OLD_BOOLEAN = /^(yes|Yes|YES|on|On|ON|no|No|NO|off|Off|OFF)$/;
const MEANS_OFF: ReadonlySet<string> = new Set(['max_duration', 'stop_duration', 'idle_duration']);

/** What the parser lets pass: duplicate keys, aliases without an anchor or without end, and old booleans. */
export function surveyTree(root: Node, lineAt: (offset: number) => number, mostAliases: number): Survey {
  const problems: Problem[] = [];
  const warnings: Warning[] = [];
  const anchors = new Set<string>();
  const open = new Set<string>();
  let aliases = 0;

  const lineOf = (node: unknown) => (isNode(node) && node.range ? lineAt(node.range[0]) : 1);
  const tell = (list: Problem[], path: Path, node: unknown, message: string) => {
    list.push(problemAt(path, message, () => ({ line: lineOf(node) })));
  };

  const visit = (node: unknown, path: Path): void => {
    if (isAlias(node)) {
      aliases += 1;
      if (aliases === mostAliases + 1) tell(problems, [], node, `expected at most ${mostAliases} aliases, got more`);
      if (!anchors.has(node.source)) tell(problems, path, node, `expected the anchor \`&${node.source}\` before its alias, got none`);
      else if (open.has(node.source)) tell(problems, path, node, `expected a value that ends, got the alias \`*${node.source}\` inside itself`);
      return;
    }
    const anchor = isNode(node) && 'anchor' in node ? node.anchor : undefined;
    if (anchor !== undefined) {
      anchors.add(anchor);
      open.add(anchor);
    }
    if (isMap(node)) visitMap(node.items, path);
    else if (isSeq(node)) for (const [index, item] of node.items.entries()) visit(item, [...path, index]);
    else if (isScalar(node)) visitScalar(node, path);
    if (anchor !== undefined) open.delete(anchor);
  };

  const visitMap = (pairs: readonly Pair[], path: Path): void => {
    const firstLines = new Map<string, number>();
    for (const pair of pairs) {
      const key = keyOf(pair);
      const before = firstLines.get(key);
      if (before === undefined) firstLines.set(key, lineOf(pair.key));
      else if (key !== '<<') tell(problems, [...path, key], pair.key, `${quoteKey(key)} is already given on line ${before}`);
      if (path.length === 0 && isScalar(pair.value) && pair.value.value === null && pair.value.source === '') {
        tell(warnings, [key], pair.key, 'has no value, which is the same as leaving it out');
      }
      visit(pair.value, [...path, key]);
    }
  };

  const visitScalar = (node: { value: unknown; type?: unknown }, path: Path): void => {
    if (node.type !== 'PLAIN' || typeof node.value !== 'string' || !OLD_BOOLEAN.test(node.value)) return;
    if (path.length === 1 && node.value === 'off' && MEANS_OFF.has(String(path[0]))) return;
    const boolean = /^(yes|on)$/i.test(node.value);
    tell(warnings, path, node, `${node.value} without quotes is text here and ${boolean} in dstack; write "${node.value}" or ${boolean}`);
  };

  visit(root, []);
  return { problems, warnings };
}

/** Lines of values by their path; of what is not there, the nearest that is around it. */
export function locateIn(document: Document.Parsed, lineAt: (offset: number) => number): Locate {
  const resolved = (node: unknown) => (isAlias(node) ? node.resolve(document) : node);
  return (path) => {
    let line: number | undefined;
    let node: unknown = document.contents;
    for (const step of path) {
      const inside = resolved(node);
      const child = childOf(inside, step);
      if (child === undefined) break;
      const place = isPair(child) ? child.key : child;
      if (isNode(place) && place.range) line = lineAt(place.range[0]);
      node = isPair(child) ? child.value : child;
    }
    return line === undefined ? undefined : { line };
  };
}

function childOf(node: unknown, step: string | number): unknown {
  if (isMap(node)) return node.items.find((pair) => keyOf(pair) === step);
  return isSeq(node) && typeof step === 'number' ? node.items[step] : undefined;
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}
