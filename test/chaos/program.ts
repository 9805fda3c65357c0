import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What one round's programs do, the same for every node. */
export interface ProgramPlan {
  /** How long a program runs, in fifths of a second, by rank; the last stands for all that follow. */
  ticks: number[];
  /** The exit code of a rank's n-th start, by `n.rank`; 0 where there is none. */
  codes: Record<string, number>;
  /** It goes on when it gets SIGTERM. */
  stubborn: boolean;
  /** It leaves a helper behind in a session of its own, which goes on when it gets SIGTERM. */
  helper: boolean;
  /** It says at every beat what stands in its files, and when it is told of a newer list by SIGHUP. */
  reads?: boolean;
}

// Each line is one write to a file that is opened for appending: their order in the file is the order in which things were. The list is
// hashed as it stands in the environment; the roster's own rank is the one thing in it that differs from node to node.
const PROGRAM = `
digest() { sha256sum | cut -c1-16; }
list=$(printf %s "$DSTACK_NODES_IPS" | digest)
roster=$(sed 's/"rank":[0-9]*,"nodes"/"nodes"/' "$MUSTER_ROSTER_FILE" | digest)
who="$DSTACK_RUN_ID $MUSTER_HOST $MUSTER_GENERATION $DSTACK_NODE_RANK $DSTACK_NODES_NUM $MUSTER_START_NUMBER"
more=
if [ "$CHAOS_READS" = yes ]; then . "$CHAOS_READER_FILE"; trap 'look; say told 0' HUP; else look() { :; }; fi
say() { read -r now rest < /proc/uptime; echo "$now $1 $2 $who $$ $list $roster$more" >> "$CHAOS_JOURNAL"; }
if [ "$CHAOS_STUBBORN" = yes ]; then trap 'say term 0' TERM; else trap 'say term 0; say exit 143; exit 143' TERM; fi
look
say start 0
if [ "$CHAOS_HELPER" = yes ]; then CHAOS_WHO="$who" CHAOS_LIST="$list $roster" setsid sh "$CHAOS_HELPER_FILE" & fi
code=0
for entry in $CHAOS_CODES; do case $entry in $MUSTER_START_NUMBER.$DSTACK_NODE_RANK=*) code=\${entry#*=};; esac; done
at=0
for ticks in $CHAOS_TICKS; do [ $at = "$DSTACK_NODE_RANK" ] && break; at=$((at + 1)); done
while [ "$ticks" -gt 0 ]; do
  if [ -e "$CHAOS_END" ]; then code=0; break; fi
  sleep 0.2
  look
  say beat 0
  ticks=$((ticks - 1))
done
say exit $code
exit $code
`;

// Whole files, without a process of its own for any of them. The list is written before the roster: who finds two that do not agree looks again.
const READER = `
look() {
  tries=0
  while :; do
    file= file_list= roster_list=
    IFS= read -r file < "$MUSTER_ROSTER_FILE"
    while IFS= read -r address || [ -n "$address" ]; do file_list="$file_list,$address"; done < "$MUSTER_NODES_FILE"
    case $file in '{'*']}') ;; *) more=" unreadable"; return;; esac
    generation=\${file#*'"generation":'}; generation=\${generation%%[!0-9]*}
    rank=\${file#*'"rank":'}; rank=\${rank%%[!0-9]*}
    rest=$file
    while :; do
      case $rest in *'"address":"'*) ;; *) break;; esac
      rest=\${rest#*'"address":"'}
      roster_list="$roster_list,\${rest%%\\"*}"
    done
    [ "$file_list" = "$roster_list" ] && break
    tries=$((tries + 1))
    [ $tries -ge 10 ] && break
    sleep 0.02
  done
  more=" $MUSTER_START_REASON/$generation/$rank/\${roster_list#,}/\${file_list#,}"
}
`;

// It ends by itself some day, should nobody end it.
const HELPER = `
trap : TERM
left=600
while [ $left -gt 0 ]; do
  read -r now rest < /proc/uptime
  echo "$now helper 0 $CHAOS_WHO $$ $CHAOS_LIST" >> "$CHAOS_JOURNAL"
  sleep 0.3
  left=$((left - 1))
done
`;

/** Writes the programs of a round to a directory that all hosts see; what a task needs to run them. */
export function writeProgram(
  dir: string,
  { ticks, codes, stubborn, helper, reads = false }: ProgramPlan,
): { task: { shell: string; commands: string[]; env: object }; journal: string; end: string } {
  const [program, helperFile, reader, journal, end] = ['program.sh', 'helper.sh', 'reader.sh', 'journal', 'end'].map((name) => join(dir, name)) as [
    ...[string, string, string],
    ...[string, string],
  ];
  writeFileSync(program, PROGRAM);
  writeFileSync(helperFile, HELPER);
  writeFileSync(reader, READER);
  writeFileSync(journal, '');
  const env = {
    ...{ CHAOS_JOURNAL: journal, CHAOS_END: end, CHAOS_HELPER_FILE: helperFile },
    ...{ CHAOS_TICKS: ticks.join(' '), CHAOS_STUBBORN: stubborn ? 'yes' : 'no', CHAOS_HELPER: helper ? 'yes' : 'no' },
    ...{ CHAOS_READS: reads ? 'yes' : 'no', CHAOS_READER_FILE: reader },
    CHAOS_CODES: Object.entries(codes)
      .map(([start, code]) => `${start}=${code}`)
      .join(' '),
  };
  return { task: { shell: 'sh', commands: [`. ${program}`], env }, journal, end };
}
