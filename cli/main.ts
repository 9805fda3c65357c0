#!/usr/bin/env node
// Nothing else may be imported before this check: an old Node.js would stumble over the syntax with a stack.
const OLDEST = [20, 20];
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < (OLDEST[0] ?? 0) || (major === OLDEST[0] && minor < (OLDEST[1] ?? 0))) {
  process.stderr.write(`Muster needs Node.js ${OLDEST.join('.')} or newer; this is ${process.versions.node}\n`);
  process.exit(2);
}
const { main } = await import('./command-line.js');
process.exit(await main(process.argv.slice(2)));

export {};
