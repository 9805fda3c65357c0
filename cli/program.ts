import type { Command } from 'commander';
import { programOf } from './bare-program.js';
import { attach } from './verbs/attach.js';
import { check } from './verbs/check.js';
import { completion } from './verbs/completion.js';
import { control } from './verbs/control.js';
import { dev } from './verbs/dev.js';
import { doctor } from './verbs/doctor.js';
import { drain } from './verbs/drain.js';
import { events } from './verbs/events.js';
import { exec } from './verbs/exec.js';
import { host } from './verbs/host.js';
import { hosts } from './verbs/hosts.js';
import { logs } from './verbs/logs.js';
import { nodes } from './verbs/nodes.js';
import { plan } from './verbs/plan.js';
import { ps } from './verbs/ps.js';
import { quickstart } from './verbs/quickstart.js';
import { run } from './verbs/run.js';
import { scale } from './verbs/scale.js';
import { schedule } from './verbs/schedule.js';
import { status } from './verbs/status.js';
import { stop } from './verbs/stop.js';
import { wait } from './verbs/wait.js';

/** The whole command line, with what stood after `--` for the one verb that takes it. */
export function createProgram(command: readonly string[] | undefined): Command {
  const verbs = [
    run(command),
    dev(),
    host(),
    control(),
    check(),
    plan(),
    ps(),
    status(),
    wait(),
    logs(),
    events(),
    attach(),
    exec(command),
    scale(),
    stop(),
    schedule(),
    hosts(),
    drain('drain'),
    drain('resume'),
    nodes(),
    doctor(),
    completion(),
  ];
  const program = programOf(verbs);
  program.addCommand(quickstart(), { hidden: true });
  return program;
}
