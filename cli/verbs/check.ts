import { Command } from 'commander';
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
      const { name, nodes, commands, fleet } = task;
      print(`${file} is valid: ${name}, ${counted(nodes, 'node')} of the fleet ${fleet}, ${counted(commands.length, 'command')}`);
    });
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
