import { exitRoom, startFiles as f } from './start-dir.js';

/** A program has at least this much, of 1000: when memory runs out the kernel shall end it rather than its shim or the agent. */
export const PROGRAM_OOM_SCORE_ADJ = 300;

/**
 * Runs in one small process beside the agent and forks shims for it, since forking a large Node.js process blocks it for
 * milliseconds. Reads a ticket line, then a directory line; ends at the end of its input, so with the agent.
 * `setsid -f` is the only way into the background that leaves SIGINT and SIGQUIT alone (`&` sets them to ignored).
 * $1 the shell, $2 shimScript, $3 waiterScript, $4 boot id, $5 pid namespace
 */
export const forkerScript = `
while read -r ticket cookie && IFS= read -r dir; do
  if ! cd "$dir"; then echo "$ticket failed cannot enter the start's directory"; continue; fi
  if [ -n "$cookie" ]; then export MUSTER_COOKIE="$cookie"; else unset MUSTER_COOKIE; fi
  setsid -f "$1" -c "$2" muster-shim "$ticket" "$1" "$3" "$4" "$5" </dev/null || echo "$ticket failed setsid -f does not work here"
  cd /
done
`;

/**
 * The shim: outlives the agent, waits for the program, records its exit, and removes the cgroup that is empty then, unless that counts what ran out of
 * memory. Leaves quietly when the program was never released.
 * $1 ticket, $2 the shell, $3 waiterScript, $4 boot id, $5 pid namespace; stdout: where the ticket is answered
 */
export const shimScript = `
trap : INT TERM HUP QUIT PIPE
exec 4>&1 >/dev/null 2>&1
mkfifo -m 600 ${f.go} ${f.alive} || { echo "$1 failed mkfifo does not work in the start's directory" >&4; exit 1; }
exec 3<>${f.alive}
printf '%s' '${exitRoom}' >${f.exit}
muster_cgroup=
[ ! -r ${f.cgroup} ] || IFS= read -r muster_cgroup <${f.cgroup}
setsid "$2" -c "$3" muster-waiter "$1" "$4" "$5" "$muster_cgroup" 3<&-
code=$?
exec 4>&-
if [ -e ${f.program} ]; then
  printf '%3d\\n' "$code" 1<>${f.exit}
  sync ${f.exit} .
fi
[ -z "$muster_cgroup" ] || [ -e "$muster_cgroup/memory.events" ] || rmdir "$muster_cgroup"
`;

/**
 * The waiter: in a session of its own it says who it is, enters its cgroup where it has one, sleeps until its word comes, and becomes the program.
 * Everything that can be done before *go* is done before it; after it, built-ins and one exec. It answers before it enters, since the kernel takes up to
 * 25 ms for that.
 * Its variables start with muster_, so that none of the user's is touched. $1 ticket, $2 boot id, $3 pid namespace, $4 cgroup or nothing
 */
export const waiterScript = `
trap : PIPE
exec 3<>${f.go} </dev/null >>${f.output} 2>&1
muster_start_of() { read -r muster_stat <"/proc/$1/stat"; set -- \${muster_stat##*) }; muster_start=\${20}; }
muster_start_of $PPID; muster_shim_start=$muster_start
muster_start_of $$
muster_here="\\"bootId\\":\\"$2\\",\\"pidNamespace\\":\\"$3\\""
muster_program="{\\"pid\\":$$,\\"startTime\\":$muster_start,$muster_here}"
muster_env=$(command -v env)
{ read -r muster_adj <"/proc/$$/oom_score_adj" && [ "$muster_adj" -ge ${PROGRAM_OOM_SCORE_ADJ} ] || printf '%s\\n' ${PROGRAM_OOM_SCORE_ADJ} >"/proc/$$/oom_score_adj"
} 2>/dev/null
printf '{"pid":%s,"startTime":%s,"waiterPid":%s,"waiterStartTime":%s,%s}\\n' \\
  $PPID "$muster_shim_start" $$ "$muster_start" "$muster_here" >${f.shim} || exit 0
printf '%s ready %s\\n' "$1" $PPID 2>/dev/null >&4
exec 4>&-
[ -z "$4" ] || { printf '%s\\n' $$ >"$4/cgroup.procs"; } 2>/dev/null
set --
until read -r muster_word <&3; do :; done
[ "$muster_word" = go ] || exit 0
exec 3>&-
printf '%s\\n' "$muster_program" >${f.program} || exit 126
muster_fail() { printf 'muster: %s\\n' "$1"; printf '%s\\n' "$1" >"$muster_dir/${f.launchFailed}"; exit "$2"; }
muster_dir=.
[ -r ./${f.env} ] || muster_fail "nothing says what to run: ${f.env} is missing" 126
. ./${f.env}
cd "$muster_work" || muster_fail "cannot enter the working directory $muster_work" 126
command -v "$muster_shell" >/dev/null || muster_fail "there is no $muster_shell on this host" 127
unset OLDPWD
[ $# -eq 0 ] || exec "$muster_env" "$@" "$muster_shell" "$muster_dir/${f.script}"
exec "$muster_shell" "$muster_dir/${f.script}"
`;
