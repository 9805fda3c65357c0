import { readFileSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from 'vitest';
import { replaceFile } from '../../../activities/host/replace-file.js';
import { serveRosters } from '../../../activities/host/roster-socket.js';
import { MOST_WATCHERS } from '../../../activities/host/roster-watchers.js';
import { rosterPath } from '../../../activities/host/store.js';
import { cookie } from '../../../spec/ids.js';
import { until } from '../../helpers/until.js';
import { OneHost } from './one-host.js';

const asked: Asker[] = [];
const served: { close(): void }[] = [];
afterEach(() => {
  for (const asker of asked.splice(0)) asker.socket.destroy();
  for (const server of served.splice(0)) server.close();
});

/** One connection, and what came by it. */
interface Asker {
  socket: Socket;
  lines: Record<string, unknown>[];
  /** The other side has closed. */
  closed: boolean;
}

async function serving(): Promise<{ host: OneHost; mine: string }> {
  const host = new OneHost({});
  const { record } = await host.running();
  served.push(await serveRosters(host.agent, host.seats));
  return { host, mine: cookie(record.run.runId, record.host, record.startNumber) };
}

function ask(host: OneHost, question: string): Asker {
  const asker: Asker = { socket: connect(host.agent.socketPath, () => asker.socket.write(question)), lines: [], closed: false };
  createInterface({ input: asker.socket }).on('line', (line) => asker.lines.push(JSON.parse(line)));
  asker.socket.on('error', () => undefined).on('close', () => (asker.closed = true));
  asked.push(asker);
  return asker;
}

const generations = ({ lines }: Asker) => lines.map(({ generation }) => generation);

/** As who changes a start's list does it. */
function replaceRoster(host: OneHost, generation: number, more = {}): void {
  const path = rosterPath(host.dataDir, host.run.runId, 1);
  replaceFile(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), generation, ...more }), 0o644);
}

it('answers a cookie with the roster file on one line, and closes', async () => {
  const { host, mine } = await serving();
  const asker = ask(host, `${mine}\n`);
  await until(() => asker.closed, true);
  expect(asker.lines).toEqual([JSON.parse(readFileSync(rosterPath(host.dataDir, host.run.runId, 1), 'utf8'))]);
});

it('refuses a cookie that it does not know, whether it is asked once or to go on', async () => {
  const { host, mine } = await serving();
  for (const question of [`${mine}0\n`, `${mine}0 watch\n`, `${mine}/../1\n`, 'x watch\n', '\n', `${mine} listen\n`]) {
    const asker = ask(host, question);
    await until(() => asker.closed, true);
    expect(asker.lines).toMatchObject([{ refused: 'UnknownCookie', message: 'The agent of host host-1 knows no node with this cookie' }]);
  }
});

it('closes without a word when a question does not end', async () => {
  const { host } = await serving();
  const asker = ask(host, 'x'.repeat(600));
  await until(() => asker.closed, true);
  expect(asker.lines).toEqual([]);
});

it('tells who follows of each roster at once when it is told', async () => {
  const { host, mine } = await serving();
  const [one, other] = [ask(host, `${mine} watch\n`), ask(host, `${mine} watch\n`)];
  await until(() => [generations(one), generations(other)], [[1], [1]]);
  replaceRoster(host, 2);
  host.agent.rosterNews.tell(host.run.runId, 1);
  await until(
    () => [generations(one), generations(other)],
    [
      [1, 2],
      [1, 2],
    ],
    500,
  );
  host.agent.rosterNews.tell(host.run.runId, 1);
  replaceRoster(host, 3);
  host.agent.rosterNews.tell(host.run.runId, 1);
  await until(() => generations(one), [1, 2, 3], 500);
});

it('finds a roster that nobody told of', async () => {
  const { host, mine } = await serving();
  const asker = ask(host, `${mine} watch\n`);
  await until(() => generations(asker), [1]);
  replaceRoster(host, 2);
  await until(() => generations(asker), [1, 2]);
});

it('says that the start has ended, last, and closes', async () => {
  const { host, mine } = await serving();
  const asker = ask(host, `${mine} watch\n`);
  await until(() => generations(asker), [1]);
  const told: string[] = [];
  host.agent.rosterNews.listen((runId, startNumber) => told.push(`${runId} ${startNumber}`));
  await host.start().stop({ type: 'Stopped', message: 'enough' }, 'SIGKILL', 0);
  await until(() => asker.closed, true);
  expect(asker.lines.at(-1)).toEqual({ ended: true });
  expect(told).toEqual([`${host.run.runId} 1`]);
  const late = ask(host, `${mine} watch\n`);
  await until(() => late.closed, true);
  expect(late.lines).toMatchObject([{ generation: 1 }, { ended: true }]);
});

it('says nothing of an end when the agent hands over', async () => {
  const { host, mine } = await serving();
  const asker = ask(host, `${mine} watch\n`);
  await until(() => generations(asker), [1]);
  for (const server of served.splice(0)) server.close();
  await until(() => asker.closed, true);
  expect(asker.lines).toHaveLength(1);
});

it('refuses one watcher more than there may be, and takes one again when one has left', async () => {
  const { host, mine } = await serving();
  const all = Array.from({ length: MOST_WATCHERS }, () => ask(host, `${mine} watch\n`));
  await until(() => all.filter(({ lines }) => lines.length === 1).length, MOST_WATCHERS);
  const more = ask(host, `${mine} watch\n`);
  await until(() => more.closed, true);
  expect(more.lines).toMatchObject([{ refused: 'TooManyWatchers', message: '256 programs follow the list on host host-1 already, and no more may' }]);
  const once = ask(host, `${mine}\n`);
  await until(() => generations(once), [1]);
  all[0]?.socket.end();
  await until(async () => {
    const next = ask(host, `${mine} watch\n`);
    await until(() => next.lines.length, 1);
    return generations(next);
  }, [1]);
});

it('drops a watcher that does not read, and no other', async () => {
  const { host, mine } = await serving();
  const quick = ask(host, `${mine} watch\n`);
  const slow = connect(host.agent.socketPath, () => slow.write(`${mine} watch\n`));
  await new Promise((resolve) => slow.once('readable', resolve));
  const news = Array.from({ length: 4 }, (_, at) => at + 2);
  for (const generation of news) {
    replaceRoster(host, generation, { padding: 'x'.repeat(400_000) });
    host.agent.rosterNews.tell(host.run.runId, 1);
    await until(() => generations(quick).at(-1), generation);
  }
  let text = '';
  for await (const chunk of slow) text += chunk;
  expect(text.match(/"generation":\d/g)?.length).toBeLessThan(1 + news.length);
  expect([generations(quick), quick.closed]).toEqual([[1, ...news], false]);
});

it('takes the place of a socket that a dead agent has left', async () => {
  const { host, mine } = await serving();
  const { ino } = statSync(host.agent.socketPath);
  served.push(await serveRosters(host.agent, host.seats));
  expect(statSync(host.agent.socketPath).ino).not.toBe(ino);
  const asker = ask(host, `${mine} watch\n`);
  await until(() => generations(asker), [1]);
  rmSync(rosterPath(host.dataDir, host.run.runId, 1));
  host.agent.rosterNews.tell(host.run.runId, 1);
  replaceFile(rosterPath(host.dataDir, host.run.runId, 1), JSON.stringify({ generation: 2 }));
  host.agent.rosterNews.tell(host.run.runId, 1);
  await until(() => generations(asker), [1, 2]);
});
