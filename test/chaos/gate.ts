import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** The way of one agent to Temporal, which can be cut without a word to either side. */
export class Gate {
  readonly #pairs = new Set<[Socket, Socket]>();
  readonly #waiting = new Set<Socket>();
  #cuts = 0;

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {
    server.on('connection', (near) => this.#meet(near));
  }

  /** A gate to a port of 127.0.0.1. */
  static async open(target: number): Promise<Gate> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Gate(server, target);
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Nothing passes, and who connects hears nothing. */
  cut(): void {
    this.#cuts++;
    for (const [near, far] of this.#pairs) {
      near.unpipe(far).pause();
      far.unpipe(near).pause();
    }
  }

  /** What was on its way goes on. */
  heal(): void {
    if (--this.#cuts > 0) return;
    for (const [near, far] of this.#pairs) near.pipe(far).pipe(near);
    for (const near of this.#waiting) this.#pass(near);
    this.#waiting.clear();
  }

  close(): void {
    this.server.close();
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    for (const socket of this.#waiting) socket.destroy();
  }

  #meet(near: Socket): void {
    near.on('error', () => {});
    if (this.#cuts === 0) {
      this.#pass(near);
      return;
    }
    this.#waiting.add(near);
    near.once('close', () => this.#waiting.delete(near));
  }

  #pass(near: Socket): void {
    if (near.destroyed) return;
    const far = connect({ host: '127.0.0.1', port: this.target, allowHalfOpen: true });
    const pair: [Socket, Socket] = [near, far];
    this.#pairs.add(pair);
    far.on('error', () => {});
    for (const [one, other] of [pair, [far, near] as const]) {
      one.on('close', () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
    }
    if (this.#cuts === 0) near.pipe(far).pipe(near);
  }
}
