import { Command } from 'commander';
import { describeNodes } from '../../spec/task/elastic.js';
import { counted } from '../../spec/words.js';
import { print, printJson, say } from '../print.js';

export function check(): Command {
  return new Command('check')
    .description('validate a task file; needs no Temporal')
    .argument('<file>', 'the task file')
    .option('--json', 'the resolved task as one JSON object')
    .action(async (file: string, { json }: { json?: true }) => {
      const { readTask } = await import('../task-input.js');
      const { task, warnings } = readTask({ file });
      for (const warning of warnings) say(`warning: ${warning}`);
      if (json) return printJson(task);
      const { name, nodes, elastic, groups, fleet } = task;
      const kinds = groups.length > 1 ? ` in ${groups.length} groups (${groups.map((group) => `${group.name} ${group.nodes}`).join(', ')})` : '';
      const commands = groups.reduce((sum, group) => sum + group.commands.length, 0);
      print(`${file} is valid: ${name}, ${describeNodes(nodes, elastic)}${kinds} of the fleet ${fleet}, ${counted(commands, 'command')}`);
    });
}
