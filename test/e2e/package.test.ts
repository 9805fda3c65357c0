import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { succeeds as run } from '../helpers/commands.js';
import { type Machines, startMachines } from '../helpers/machines.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(18, ['host-1', 'host-2', 'host-3']);
});
afterAll(() => machines.stop());

const succeeds = (command: string, args: string[], cwd: string) => run(command, args, { cwd, env: machines.env });

it('packs what an empty strict project compiles and runs: the snippets of the documentation', async () => {
  const project = join(machines.dir, 'project');
  mkdirSync(project);
  const packed = JSON.parse(await succeeds('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], ROOT));
  const [{ filename, files }] = packed as [{ filename: string; files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(['dist/client/index.js', 'dist/client/index.d.ts', 'dist/cli/main.js', 'dist/workflow-bundle.js']));
  expect(paths.filter((path) => /^dist\/test|\.test\./.test(path))).toEqual([]);

  const manifest = { name: 'project', private: true, type: 'module', dependencies: { muster: `file:${filename}` } };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  await succeeds('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], project);
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2023', strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    // As `tsc --init` writes it: the SDK's own declarations do not pass.
    skipLibCheck: true,
    ...{ types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')], outDir: 'out' },
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  const documented = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
  const snippets = [...documented.matchAll(/```ts\n(.*?)```/gs)].map(([, snippet]) => snippet);
  expect(snippets.length).toBeGreaterThan(5);
  writeFileSync(join(project, 'program.ts'), snippets.join('\n'));
  await succeeds(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc')], project);
  const printed = await succeeds(process.execPath, ['out/program.js'], project);

  expect(printed).toContain('0: rank 0 of 2: hello');
  expect(printed).toContain('1: rank 1 of 2: hello');
  expect(printed).toContain('generation 2\n127.18.0.1\n127.18.0.2\n127.18.0.3\n');
  expect(printed).toContain('cancelled The run was stopped');
  expect(printed).toContain('nightly ');
  expect(await succeeds(process.execPath, ['node_modules/muster/dist/cli/main.js', '--version'], project)).toMatch(/^\d+\.\d+\.\d+\n$/);
});
