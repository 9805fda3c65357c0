import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { METRICS, type MetricEntry, type MetricName, prometheusName } from '../../../spec/metrics.js';
import { expectGenerated } from '../../helpers/generated.js';

const DOC = new URL('../../../docs/observability.md', import.meta.url);
const DASHBOARD = new URL('../../../docs/observability/grafana-dashboard.json', import.meta.url);
const ALERTS = new URL('../../../docs/observability/muster-alerts.yml', import.meta.url);
const [BEGIN, END] = ['<!-- metrics: made from spec/metrics.ts -->\n', '<!-- end of metrics -->'];

const names = Object.keys(METRICS) as MetricName[];

it('describes every metric in docs/observability.md', () => {
  const rows = names.map((name) => {
    const { kind, labels, from, help }: MetricEntry = METRICS[name];
    return `| \`${prometheusName(name)}\` | ${kind} | ${from === 'control' ? 'control workers' : 'agents'} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
  });
  const table = `${BEGIN}\n| metric | kind | of | labels | what |\n|---|---|---|---|---|\n${rows.join('\n')}\n\n${END}`;
  expectGenerated(DOC, { begin: BEGIN, end: END, made: table });
});

it('the dashboard and the alerts ask for metrics that there are', () => {
  const asked = `${readFileSync(DASHBOARD, 'utf8')}${readFileSync(ALERTS, 'utf8')}`.match(/muster_[a-z_]+/g) ?? [];
  const known = names.flatMap((name) => [prometheusName(name), `${prometheusName(name)}_bucket`]);
  expect(asked.length).toBeGreaterThan(20);
  expect(asked.filter((name) => !known.includes(name))).toEqual([]);
});
