import type { Socket } from 'node:net';

/** Why a link ended: the other side wanted no more of it. */
export const CLOSED = 'the other side closed the connection';

/** A socket that carries JSON frames, one a line. Whatever comes over it that is no frame, or too long, ends it; nothing throws. */
export class Link {
  /** Gets every frame, unchecked. Replace it as the talk goes on. */
  onFrame: (frame: unknown) => void = () => {};
  /** Called once, with the reason in words. */
  onClosed: (why: string) => void = () => {};
  #begun: Buffer = Buffer.alloc(0);
  #why = CLOSED;

  /** `lineBytes` may grow as the other side proves itself. */
  constructor(
    readonly socket: Socket,
    public lineBytes: number,
  ) {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => {
      this.#why = error.message;
    });
    socket.on('close', () => this.onClosed(this.#why));
  }

  get open(): boolean {
    return this.socket.writable;
  }

  send(frame: Buffer): void {
    if (this.open) this.socket.write(frame);
  }

  /** Says a last thing, hears nothing more, and closes when it is on its way. */
  finish(frame: Buffer): void {
    this.onFrame = () => {};
    this.send(frame);
    this.socket.destroySoon();
  }

  drop(why: string): void {
    this.#why = why;
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && !this.socket.destroyed) {
      // The first byte tells HTTP, TLS and most garbage: do not wait for the end of their line.
      if (this.#begun.length === 0 && rest[0] !== OPENING_BRACE) {
        this.drop('the other side does not speak this protocol');
        return;
      }
      const end = rest.indexOf(NEWLINE);
      const piece = end < 0 ? rest : rest.subarray(0, end);
      if (this.#begun.length + piece.length > this.lineBytes) {
        this.drop('the other side sent too long a line');
        return;
      }
      // Copied at every piece, so that one byte a packet costs time of the sender's and no memory of ours.
      const line = this.#begun.length === 0 && end >= 0 ? piece : Buffer.concat([this.#begun, piece]);
      this.#begun = end < 0 ? line : Buffer.alloc(0);
      if (end < 0) return;
      rest = rest.subarray(end + 1);
      try {
        this.onFrame(JSON.parse(line.toString()));
      } catch {
        this.drop('the other side sent what is no frame');
      }
    }
  }
}

const OPENING_BRACE = 0x7b;
const NEWLINE = 0x0a;
