/** A command beside a node's program: a line for the task's shell, or words that are kept as they are. */
export type CommandLine = { line: string } | { words: string[] };

export type CommandStream = 'stdout' | 'stderr';

export interface StartCommandInput {
  runId: string;
  /** The start that the client saw; a newer one of the node will do, too. */
  startNumber: number;
  /** The client's: the same id starts it once. */
  id: string;
  command: CommandLine;
  /** Whether input will be fed to it; else it has none. */
  stdin: boolean;
  /** It is killed when nobody has asked after it for so long. */
  leaseMs: number;
  /** It is ended after so long: SIGTERM, then SIGKILL. */
  limitMs: number;
}

/** `refused`: for people, why the host does not run it. */
export type CommandStarted = { kind: 'started'; startNumber: number } | { kind: 'refused'; message: string };

export interface ReadCommandInput {
  id: string;
  /** Where the output that is wanted begins, in bytes of both streams; what stood before is forgotten. */
  offset: number;
  /** How long to wait for output or the end; at most 5,000. */
  waitMs: number;
}

/** Why a command ended: by itself, or by a signal that it was sent; because its time was over; because its node ended. */
export type CommandEndReason = 'exited' | 'timed-out' | 'node-ended';

/** `unknown`: the agent has never heard of it, or has forgotten it, and nothing of it lives. */
export type CommandChunk =
  | { kind: 'unknown' }
  | {
      kind: 'known';
      /** In the order in which it came. Base64. */
      pieces: [stream: CommandStream, data: string][];
      nextOffset: number;
      /** The command has ended, and this was the last of its output. `code`: 128 + n for signal n. */
      end: { code: number; reason: CommandEndReason } | null;
    };

export interface FeedCommandInput {
  id: string;
  /** Where this begins, in all the input of the command. */
  offset: number;
  /** Base64; at most 64 KiB. */
  data: string;
  /** There is no more. */
  end: boolean;
}

/** `taken`: how much of all the input the command has by now; null: there is no such command. */
export interface CommandFed {
  taken: number | null;
}

export interface SignalCommandInput {
  id: string;
  /** Sent to its whole group. SIGKILL also kills what has left that. */
  signal: string;
}

/** What an agent does for people who run commands in the place of a node, on the queue of its host. */
export interface CommandActivities {
  /** Runs a command beside the program of a node. It goes on as long as somebody asks after it. Idempotent for its id. */
  startCommand(input: StartCommandInput): Promise<CommandStarted>;
  /** What a command has written, and how it ended. Never blocks longer than `waitMs`. Idempotent for its offset. */
  readCommand(input: ReadCommandInput): Promise<CommandChunk>;
  /** Input for a command. Idempotent for its offset. */
  feedCommand(input: FeedCommandInput): Promise<CommandFed>;
  signalCommand(input: SignalCommandInput): Promise<void>;
}
