import type { Muster } from '../client/index.js';

/** Connects, works and closes. */
export async function withMuster<T>(work: (muster: Muster) => Promise<T>): Promise<T> {
  const { connect } = await import('../client/index.js');
  const muster = await connect();
  try {
    return await work(muster);
  } finally {
    await muster.close();
  }
}
