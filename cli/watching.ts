import { EXIT } from './exit.js';

/** Has Ctrl-C and SIGTERM end a command that only looks; `last` puts the terminal back. Returns how to take that back. */
export function leaveOnSignals(last: () => void): () => void {
  const leave = (signal: 'SIGINT' | 'SIGTERM') => {
    last();
    process.exit(EXIT[signal]);
  };
  process.on('SIGINT', leave);
  process.on('SIGTERM', leave);
  return () => {
    process.off('SIGINT', leave);
    process.off('SIGTERM', leave);
  };
}
