import { Command } from 'commander';
import { addressReasons } from '../address-reasons.js';
import { print, printJson, say } from '../print.js';
import { table } from '../table.js';
import { withMuster } from '../with-muster.js';

export function plan(): Command {
  return new Command('plan')
    .description('which hosts and addresses a task would have now; starts nothing')
    .argument('<file>', 'the task file')
    .option('--json', 'one JSON object')
    .action(async (file: string, { json }: { json?: true }) => {
      const { readTask } = await import('../task-input.js');
      const { submit, task, warnings } = readTask({ file });
      for (const warning of warnings) say(`warning: ${warning}`);
      await withMuster(async (muster) => {
        const { nodes, fails, waits, never, ahead, groups } = await muster.plan(submit);
        if (json) return printJson({ nodes: nodes.map((node) => ({ ...node, group: groups[node.group] })), fails, waits, never, ahead });
        const behind = ahead === 0 ? '' : ` (${ahead} ${ahead === 1 ? 'run waits' : 'runs wait'} already and ${ahead === 1 ? 'comes' : 'come'} first)`;
        const refused = never && task.unmet === 'refuse';
        if (waits !== null) return print(`${task.name} would ${refused ? 'be refused' : 'wait'}: ${waits}${behind}`);
        if (fails !== null) return print(`${task.name} would fail: ${fails.message}`);
        print(`${task.name} would start now on these hosts of the fleet ${task.fleet}${behind}:`);
        const named = groups.length > 1;
        const rows = nodes.map(({ rank, group, host, address, interface: name }) => [
          ...[String(rank), ...(named ? [groups[group] ?? ''] : [])],
          ...[host, address, name],
        ]);
        for (const line of table(['RANK', ...(named ? ['GROUP'] : []), 'HOST', 'ADDRESS', 'INTERFACE'], rows)) print(line);
        for (const line of addressReasons(nodes)) print(line);
      });
    });
}
