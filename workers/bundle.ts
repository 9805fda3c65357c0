import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BUNDLE = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));

/** The workflows, bundled by `npm run build`. */
export function workflowBundle(): { codePath: string } {
  if (!existsSync(BUNDLE)) throw new Error('The workflows are not bundled; run `npm run build` first');
  return { codePath: BUNDLE };
}
