import type { Check } from '../client/index.js';

/** What of this machine matters to Muster's commands: its Node.js, and the Temporal CLI that `muster dev` would use. */
export async function thisMachine(env: NodeJS.ProcessEnv = process.env): Promise<Check[]> {
  // An older Node.js has been refused before.
  return [{ check: 'Node.js here', verdict: 'ok', found: process.versions.node, mend: '' }, await checkCli(env)];
}

async function checkCli(env: NodeJS.ProcessEnv): Promise<Check> {
  const check = 'Temporal CLI here';
  const [{ onPath, programVersion, versionText }, { OLDEST_CLI, TEMPORAL_CLI }, { compareVersions }] = await Promise.all([
    import('../workers/server/path.js'),
    import('../workers/server/pins.js'),
    import('../connection/dial.js'),
  ]);
  const named = env['MUSTER_TEMPORAL_BIN'];
  const path = named || (await onPath(TEMPORAL_CLI.program, env));
  const oldest = versionText(OLDEST_CLI);
  if (path === undefined) return { check, verdict: 'ok', found: `none on PATH; only muster dev needs one, ${oldest} or newer, and fetches it`, mend: '' };
  const version = await programVersion(path);
  const mend = named ? 'let MUSTER_TEMPORAL_BIN name another' : `install ${oldest} or newer; muster dev passes this one over`;
  if (version === undefined) return { check, verdict: 'warning', found: `${path} does not tell its version`, mend };
  const text = versionText(version);
  if (compareVersions(text, oldest) < 0) return { check, verdict: 'warning', found: `${path} is ${text}; ${oldest} or newer is needed`, mend };
  return { check, verdict: 'ok', found: `${text} at ${path}`, mend: '' };
}
