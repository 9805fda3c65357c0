import type { FrameLocator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Runs } from '../../client/runs.js';
import { WORKFLOW_TYPES } from '../../spec/messages.js';
import { type Browser, CHROMIUM, openBrowser } from '../helpers/browser.js';
import { type Machines, startMachines } from '../helpers/machines.js';
import { processesOf, statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';
import { describeWhere } from '../helpers/where-possible.js';

const HOSTS = ['gpu-01', 'gpu-02', 'gpu-03', 'gpu-04'];
const isForDocs = process.env['MUSTER_WRITE_DOCS'] === '1';
/** What a program may say to whoever looks at its output in a browser; and what it says in the pictures of the docs. */
const SAID = isForDocs
  ? 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.1 GiB'
  : '<img src=x onerror="top.document.title=1"> **bold** [a](http://b) | RuntimeError: CUDA out of memory, 2.50 GiB';
const SLOW = 60_000;

describeWhere(CHROMIUM !== undefined, 'no Chromium is on the PATH: the Web UI was not looked at (Debian: apt-get install chromium)')(
  'the Temporal Web UI',
  () => {
    let machines: Machines;
    let browser: Browser;
    let page: Page;

    beforeAll(async () => {
      machines = await startMachines(61, HOSTS);
      browser = await openBrowser();
      page = browser.page;
    });
    afterAll(async () => {
      await browser?.close();
      await machines?.stop();
    });

    async function start(id: string, task: Record<string, unknown>): Promise<string> {
      await new Runs(machines.client).start(task, { id });
      return id;
    }

    /** From the list, as a person does. */
    async function open(id: string, query = ''): Promise<void> {
      await page.goto(`${machines.uiUrl}/namespaces/default/workflows${query === '' ? '' : `?query=${encodeURIComponent(query)}`}`);
      await page.getByRole('link', { name: id, exact: true }).first().waitFor();
      browser.forget();
      await page.getByRole('link', { name: id, exact: true }).first().click();
    }

    /** The pane that shows what the workflow says of itself. */
    const details = (): FrameLocator => page.frameLocator('iframe').last();
    const tab = (name: string) => page.getByRole('tab', { name }).or(page.getByRole('link', { name })).first();

    async function openDetails(expected: RegExp): Promise<string> {
      await tab('User Metadata').click();
      const main = details().locator('main');
      await main.filter({ hasText: expected }).waitFor();
      return (await main.allInnerTexts()).join('');
    }

    it('leads from the list of workflows to the last line of the node that failed in at most three clicks', async () => {
      const commands = [`echo "step $DSTACK_NODE_RANK of 3"`, `[ $DSTACK_NODE_RANK != 1 ] || { echo "$SAID"; exit 3; }`, 'sleep 600'];
      const run = await start('training', { name: 'training', nodes: 3, hosts: HOSTS.slice(0, 3), restart: 1, env: { SAID }, commands });
      await untilPhase(machines.client, run, 'failed', SLOW);

      await open(run, 'MusterPhase = "failed" AND MusterName = "training" AND MusterHosts = "gpu-02" AND MusterReason = "RestartsExhausted"');
      const text = await openDetails(/^\s*failed/);
      expect(browser.clicks()).toBeLessThanOrEqual(3);
      expect(text).toContain(
        'Node 1 on gpu-02 exited with code 3 in generation 2, and the only restart within 1h of running is used; the other 2 nodes were stopped',
      );
      expect(text).toContain('Run training on the fleet default · 3 nodes · generation 2');
      expect(text).toContain('Node 1 on gpu-02, which failed first, said last:');
      expect(await details().locator('pre').textContent()).toBe(`step 1 of 3\n${SAID}\n`);
      const rows = (await details().locator('tbody tr').allInnerTexts()).map((row) => row.replaceAll('\u200b', '').split(/\s*\t\s*/));
      expect(rows.map(([rank, host, address, state]) => [rank, host, address, state])).toEqual([
        ['0', 'gpu-01', '127.61.0.1', 'stopped'],
        ['1', 'gpu-02', '127.61.0.2', 'failed, exit 3'],
        ['2', 'gpu-03', '127.61.0.3', 'stopped'],
      ]);
      expect(rows[1]?.[4]).toMatch(/^\d\d \w{3} \d\d:\d\d:\d\d$/);
      expect(rows[1]?.[5]).toBe(`${SAID.replace('|', '¦').slice(0, 79)}…`);
      expect(text).toContain('Node 1 on gpu-02 exited with code 3 in generation 1; all nodes start again, 0 of 1 restart left');
      // What the program said is text, wherever it stands.
      expect(await details().locator('img, strong:has-text("bold"), a[href^="http://b"]').count()).toBe(0);
      await browser.picture('failed-run', 'details');
    });

    it('shows a run that goes on, its parts, and what each node says now', async () => {
      const run = await start('goes-on', { nodes: 2, restart: 3, max_duration: '1h', commands: ['echo "epoch 12 of $DSTACK_NODES_NUM"', 'sleep 600'] });
      await untilPhase(machines.client, run, 'running', SLOW);
      await open(run, 'MusterPhase = "running"');
      await page.getByText('limit: all nodes have met at the barrier').first().waitFor();
      await page.getByText('max_duration').first().waitFor();
      await browser.picture('timeline', { height: 770 });
      const text = await openDetails(/^\s*running/);
      expect(text).toContain('All 2 nodes were released together');
      expect(text).toContain('3 of 3 restarts left');
      await browser.picture('running-run', 'details');

      const [cellPage] = await Promise.all([page.context().waitForEvent('page'), details().getByRole('link', { name: 'goes-on.cell' }).click()]);
      await cellPage.getByRole('heading', { name: 'goes-on.cell' }).first().waitFor();
      await cellPage
        .getByText(/rank 0 · gpu-0\d · 127\.61\.0\.\d/)
        .first()
        .waitFor();
      await cellPage
        .getByRole('tab', { name: 'Pending Activities' })
        .or(cellPage.getByRole('link', { name: 'Pending Activities' }))
        .first()
        .click();
      await cellPage.getByText('epoch 12 of 2').first().waitFor();
      await cellPage
        .getByRole('tab', { name: 'User Metadata' })
        .or(cellPage.getByRole('link', { name: 'User Metadata' }))
        .first()
        .click();
      const [back] = await Promise.all([
        page.context().waitForEvent('page'),
        cellPage.frameLocator('iframe').nth(1).getByRole('link', { name: 'goes-on', exact: true }).click(),
      ]);
      await back.waitForURL(/\/workflows\/goes-on\/[0-9a-f-]{36}/);
      await Promise.all([cellPage.close(), back.close()]);

      await open('muster-fleet-default');
      expect(await openDetails(/^\s*Fleet default/)).toContain('4 hosts, of which runs hold 2');
      await browser.picture('fleet', 'details');
    });

    it('cancels a run, and no process of it is left', async () => {
      const { runId } = await statusOf(machines.client, 'goes-on');
      expect(processesOf(runId).length).toBeGreaterThan(0);
      await open('goes-on');
      await page.getByRole('button', { name: 'Request Cancellation' }).first().click();
      await page.getByRole('dialog').getByRole('button', { name: 'Confirm' }).click();
      expect((await untilPhase(machines.client, 'goes-on', 'cancelled', SLOW)).reason).toBe('Cancelled');
      await untilNothingLeft(runId);
      await open('goes-on', 'MusterPhase = "cancelled" AND MusterReason = "Cancelled"');
      expect(await openDetails(/^\s*cancelled/)).toContain('The workflow was cancelled');
    });

    it('starts a run from its form', async () => {
      await page.goto(`${machines.uiUrl}/namespaces/default/workflows`);
      await page
        .getByRole('link', { name: 'Start Workflow' })
        .or(page.getByRole('button', { name: 'Start Workflow' }))
        .first()
        .click();
      await page.getByLabel('Workflow ID').fill('from-the-form');
      await page.getByLabel('Task Queue').fill('muster');
      await page.getByLabel('Workflow Type').fill(WORKFLOW_TYPES.run);
      // It moves the button when it has looked for workers, and when it sets the input in lines.
      await page.getByText('Task Queue is Active').waitFor();
      await page.locator('[contenteditable=true]').first().click();
      await page.keyboard.insertText(JSON.stringify({ nodes: 2, commands: ['echo "$DSTACK_NODES_IPS"'] }));
      await page.keyboard.press('Tab');
      await page.locator('[contenteditable=true]').first().getByText('"nodes": 2').waitFor();
      await browser.picture('start-form', { height: 880 });
      await page.getByTestId('start-workflow-button').click();
      const phase = () =>
        statusOf(machines.client, 'from-the-form').then(
          (status) => status.phase,
          () => 'none',
        );
      await until(phase, 'succeeded', SLOW);
      await open('from-the-form', 'MusterName = "from-the-form"');
      expect(await openDetails(/^\s*succeeded/)).toContain('All 2 nodes exited with code 0');
    });
  },
);
