import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { succeeds as run } from '../helpers/commands.js';
import { type Machines, startMachines } from '../helpers/machines.js';

/** What the package needs is installed from the registry, or npm's cache. */
const LIMIT_MS = 300_000;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(18, ['host-1', 'host-2', 'host-3']);
});
afterAll(() => machines.stop());

const succeeds = (command: string, args: string[], cwd: string) => run(command, args, { cwd, env: machines.env });

it(
  'packs what an empty strict project compiles and runs: the snippets of the documentation',
  async () => {
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
    const base = { module: 'nodenext', target: 'es2023', strict: true, types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')], outDir: 'out' };
    const options = {
      'tsconfig.json': { ...base, skipLibCheck: false },
      // The SDK's own declarations do not pass `exactOptionalPropertyTypes`.
      'tsconfig.strictest.json': { ...base, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: true, noEmit: true },
    };
    for (const [file, compilerOptions] of Object.entries(options)) {
      writeFileSync(join(project, file), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    }
    const documented = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
    const snippets = [...documented.matchAll(/```ts\n(.*?)```/gs)].map(([, snippet]) => snippet);
    expect(snippets.length).toBeGreaterThan(5);
    writeFileSync(join(project, 'program.ts'), snippets.join('\n'));
    for (const file of Object.keys(options)) await succeeds(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', file], project);
    const printed = await succeeds(process.execPath, ['out/program.js'], project);

    expect(printed).toContain('0: rank 0 of 2: hello');
    expect(printed).toContain('1: rank 1 of 2: hello');
    expect(printed).toContain('1 in generation 1 at ');
    expect(printed).toContain('0 I am 1\n');
    expect(printed).toContain('generation 2\n127.18.0.1\n127.18.0.2\n127.18.0.3\n');
    expect(printed).toContain('\ntrue\n');
    expect(printed).toContain('cancelled The run was stopped');
    expect(printed.match(/^run-squares-\w{5}$/gm)?.length).toBe(2);
    expect(printed).toMatch(/^cancelled$/m);
    expect(printed).toContain('nightly ');
    expect(await succeeds(process.execPath, ['node_modules/muster/dist/cli/main.js', '--version'], project)).toMatch(/^\d+\.\d+\.\d+\n$/);
  },
  LIMIT_MS,
);
