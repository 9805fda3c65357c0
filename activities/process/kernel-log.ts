import { closeSync, constants, openSync, readSync } from 'node:fs';
import { isNodeError } from './node-error.js';

/** One record of the kernel's. `atUsec`: by a clock that began with the boot and stands still while the machine sleeps. */
export interface KernelRecord {
  atUsec: number;
  text: string;
}

const LARGEST_RECORD = 16_384;
const MOST_READS = 200_000;

/**
 * All that the kernel still holds of its own records, oldest first; empty where it may not be read (another user, a container). Does not wait for more.
 * Synchronous, some microseconds a record, of which there are thousands: to be asked seldom.
 */
export function readKernelLog(path = '/dev/kmsg'): KernelRecord[] {
  const records: KernelRecord[] = [];
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const buffer = Buffer.alloc(LARGEST_RECORD);
    for (let reads = 0; reads < MOST_READS; reads++) {
      const bytes = readOne(fd, buffer);
      if (bytes === 0) break;
      records.push(...parseKernelLog(buffer.toString('latin1', 0, bytes)));
    }
  } catch {
    // What was read so far.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  return records;
}

function readOne(fd: number, buffer: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, buffer);
    } catch (error) {
      if (isNodeError(error, 'EAGAIN')) return 0;
      // The record was overwritten; the next read gives the oldest that is left.
      if (!isNodeError(error, 'EPIPE')) throw error;
    }
  }
}

/**
 * The records in a text of /dev/kmsg: `priority,sequence,microseconds,flags…;text`, and under each any number of lines that begin with a space. What a program
 * wrote there is left out: it has a facility, and the kernel's is 0.
 */
export function parseKernelLog(log: string): KernelRecord[] {
  return log.split('\n').flatMap((line) => {
    const [, priority, usec, text = ''] = /^(\d+),\d+,(\d+),[^;]*;(.*)$/.exec(line) ?? [];
    return priority === undefined || Number(priority) > 7 ? [] : [{ atUsec: Number(usec), text }];
  });
}
