const SIGNALS: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
};

/** An exit code for people: a signal and `exit 128+n` look alike, and it says so. */
export function describeExit(code: number): string {
  const signal = SIGNALS[code - 128];
  return signal ? `ended with ${code} (${signal}, or exit ${code})` : `exited with code ${code}`;
}
