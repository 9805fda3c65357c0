import { Client, type ConnectionLike } from '@temporalio/client';

/** As grpc-js throws it. */
export const rpc = (code: number, status: string, details: string) =>
  Object.assign(new Error(`${code} ${status}: ${details}`), { code, details, metadata: { get: () => [] } });

/** The SDK's own client, of a Temporal that answers so; whatever else it is asked, nobody answers. `limits` hears how long each question may take, in ms. */
export function fakeTemporal(answers: Record<string, (request: never) => unknown>, limits: (number | null)[] = []): Client {
  let limit: number | null = null;
  const service = new Proxy(answers, {
    get: (of, method: string) => async (request: never) => {
      limits.push(limit);
      const answer = of[method] ?? (() => Promise.reject(rpc(12, 'UNIMPLEMENTED', method)));
      return await answer(request);
    },
  });
  const connection = {
    workflowService: service,
    plugins: [],
    withDeadline: async <T>(deadline: number | Date, call: () => Promise<T>) => {
      limit = Number(deadline) - Date.now();
      return await call().finally(() => {
        limit = null;
      });
    },
    withAbortSignal: <T>(_: AbortSignal, call: () => Promise<T>) => call(),
  };
  return new Client({ connection: connection as unknown as ConnectionLike });
}
