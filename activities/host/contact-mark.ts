import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { uptime } from 'node:os';

const WIDTH = 16;

/** When Temporal was heard last, on the disk, by the time since the machine's boot: no clock that is set moves it, and an agent's successor reads it. */
export class ContactMark {
  constructor(
    private readonly path: string,
    private readonly nowMs: () => number = () => uptime() * 1000,
  ) {}

  /** It was heard now. A disk that does not take it is passed over. */
  write(): void {
    try {
      // Over the old one, of the same length: that needs no room on a full disk.
      const fd = openSync(this.path, constants.O_WRONLY | constants.O_CREAT, 0o600);
      try {
        writeSync(fd, `${Math.round(this.nowMs())}`.padStart(WIDTH), 0);
      } finally {
        closeSync(fd);
      }
    } catch {
      // The next beat tries again.
    }
  }

  /** How long ago that was; undefined where nothing tells, or a former boot does. */
  agoMs(): number | undefined {
    try {
      const text = readFileSync(this.path, 'utf8');
      const ago = this.nowMs() - Number(text);
      return text.length === WIDTH && ago >= 0 ? ago : undefined;
    } catch {
      return undefined;
    }
  }
}
