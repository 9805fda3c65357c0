import { PROGRAM_OOM_SCORE_ADJ } from './shim-script.js';
import { startFiles as f } from './start-dir.js';

/** A command that somebody runs beside a program is ended before that, and before the agent, when memory runs out. */
const COMMAND_OOM_SCORE_ADJ = PROGRAM_OOM_SCORE_ADJ + 200;

/** The variable that marks a command beside a program, and what it starts, with the command's id. */
export const COMMAND_MARK = 'MUSTER_EXEC_ID';

/** Whatever else would end or stop it, but SIGKILL and SIGSTOP: as numbers, since shells differ in the names that they know. */
const IGNORED = '1 2 3 4 5 6 7 8 10 11 12 13 14 15 16 20 21 22 24 25 26 27 29 30 31';

/**
 * Runs a command in the environment and the working directory of a start, as the waiter of a start runs its program; it is the leader of a session and
 * a group of its own. A small process of the same group waits beside it until nobody holds the other end of file descriptor 3, and kills the group then: when the
 * agent is done with the command, and when the agent is dead. To be run in the start's directory.
 * $1 `words` or `line`: what $2 is, words as a POSIX shell reads them or a line for the task's shell. $3 its id
 */
export const commandScript = `
( trap '' ${IGNORED}; exec </dev/null >/dev/null 2>&1; read -r muster_never <&3; kill -KILL -$$ ) &
exec 3<&-
muster_kind=$1 muster_command=$2 muster_id=$3
{ printf '%s\\n' ${COMMAND_OOM_SCORE_ADJ} >"/proc/$$/oom_score_adj"; } 2>/dev/null
set --
. ./${f.env} || exit 126
cd "$muster_work" || exit 126
unset OLDPWD MUSTER_OLD_NODES_IPS
export ${COMMAND_MARK}="$muster_id"
[ $# -eq 0 ] || set -- env "$@"
[ "$muster_kind" = words ] || exec "$@" "$muster_shell" -c "$muster_command"
eval "exec \\"\\$@\\" $muster_command"
`;
