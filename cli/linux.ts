import { UsageError } from './exit.js';

/** Hosts are Linux: elsewhere throws `UsageError` with the way there. */
export function onlyOnLinux(what: string, platform: NodeJS.Platform = process.platform): void {
  if (platform === 'linux') return;
  throw new UsageError(`${what} needs Linux; on this machine \`docker compose up\` in Muster's directory brings a Temporal and hosts`);
}
