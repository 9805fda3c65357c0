/**
 * What happened: `submitted`; `queued`, `granted`, `refused` (hosts were asked for, given, or denied); `gathering`, `gathered`, `missing` (hosts prepare the start, or do not answer);
 * `sealed`, `proposed`, `changed`, `dropped` (the list of a generation, or a change of it while the nodes run); `started`, `exited`, `failed`, `restarted`, `stopped`
 * (nodes); `silent`, `heard` (of hosts); `asked` (somebody wants another size or the end); `stopping`; `fleet` (what the fleet says of hosts);
 * `trouble` (of control workers or cells); `continued` (the run goes on with a new history); `ended` (the run, and how).
 */
export type StoryKind =
  | 'submitted'
  | 'queued'
  | 'granted'
  | 'refused'
  | 'gathering'
  | 'gathered'
  | 'missing'
  | 'sealed'
  | 'proposed'
  | 'changed'
  | 'dropped'
  | 'started'
  | 'exited'
  | 'failed'
  | 'restarted'
  | 'stopped'
  | 'silent'
  | 'heard'
  | 'asked'
  | 'stopping'
  | 'fleet'
  | 'trouble'
  | 'continued'
  | 'ended';

/** One line of a run's story. */
export interface StoryEvent {
  /** Epoch milliseconds of the server's clock. */
  atMs: number;
  kind: StoryKind;
  /** For people. */
  message: string;
  /** 0 before the first list was sealed. */
  generation: number;
  /** Whom it is about; `rank` is null as long as there is none. */
  nodes: { rank: number | null; host: string }[];
  /** For machines: a failure type, or how the run ended; empty where there is none. */
  reason: string;
}
