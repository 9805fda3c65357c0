import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Page } from 'playwright-core';

/** As Debian's package installs it, or somebody's own. */
export const CHROMIUM = (process.env['PATH'] ?? '')
  .split(delimiter)
  .flatMap((dir) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(dir, name)))
  .find((path) => existsSync(path));

/** A page of the Web UI, and who looks after it. */
export interface Browser {
  page: Page;
  /** How many times a person has clicked since the last `forget`. */
  clicks(): number;
  forget(): void;
  /** Keeps what is to be seen beside the menus: for the docs under MUSTER_WRITE_DOCS=1, else in the folder MUSTER_SCREENSHOTS, where that is given. */
  picture(name: string, what: 'details' | { height: number }): Promise<void>;
  close(): Promise<void>;
}

const DOCS = new URL('../../docs/pictures/', import.meta.url).pathname;
/** Of the page, in CSS pixels. */
const VIEW = { width: 1280, height: 1200 };
const HEADING = 80;
const BESIDE_THE_MENUS = { x: 272, y: 104, width: 992 };

/** Opens Chromium without a window. Needs CHROMIUM. */
export async function openBrowser(): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  // A container's root has no user namespaces, and a small /dev/shm.
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars', '--disable-lcd-text'];
  const browser = await chromium.launch({ executablePath: CHROMIUM ?? 'chromium', args, timeout: 60_000 });
  const context = await browser.newContext({ viewport: VIEW, reducedMotion: 'reduce', timezoneId: 'UTC', locale: 'en-GB' });
  context.setDefaultTimeout(20_000);
  let clicks = 0;
  await context.exposeFunction('musterClicked', () => clicks++);
  await context.addInitScript("addEventListener('click', (event) => event.isTrusted && musterClicked(), { capture: true })");
  const page = await context.newPage();
  return {
    page,
    clicks: () => clicks,
    forget() {
      clicks = 0;
    },
    async picture(name, what) {
      const folder = process.env['MUSTER_WRITE_DOCS'] === '1' ? DOCS : process.env['MUSTER_SCREENSHOTS'];
      if (folder === undefined) return;
      mkdirSync(folder, { recursive: true });
      writeFileSync(
        join(folder, `${name}.png`),
        await page.screenshot({ animations: 'disabled', clip: what === 'details' ? await paneOf(page) : { ...BESIDE_THE_MENUS, ...what } }),
      );
    },
    close: () => browser.close(),
  };
}

/** The pane of the current details, with its heading. */
async function paneOf(page: Page): Promise<{ x: number; y: number; width: number; height: number }> {
  const box = await page.locator('iframe').last().boundingBox();
  if (box === null) throw new Error('There are no current details to be seen');
  const top = box.y - HEADING;
  return { x: box.x, y: top, width: box.width, height: Math.min(box.height + HEADING, VIEW.height - top) };
}
