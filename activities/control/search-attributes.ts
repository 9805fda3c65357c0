import type { Client } from '@temporalio/client';
import { judgeSearchAttributes, type SearchAttribute } from '../../spec/search-attributes.js';

/** What was read is used for so long: whoever registers some sees them on runs that start later. */
const KEPT_MS = 10_000;
const READ_LIMIT_MS = 2_000;
/** temporal.api.enums.v1.IndexedValueType, as the CLI writes them. */
const TYPES = ['', 'Text', 'Keyword', 'Int', 'Double', 'Bool', 'Datetime', 'KeywordList'];

/** The search attributes of a namespace, by name, with their types; null: the server does not say. */
export async function readSearchAttributes(client: Client): Promise<Record<string, string> | null> {
  return await client.withDeadline(Date.now() + READ_LIMIT_MS, () =>
    readListed(client)
      .catch(() => readAliases(client))
      .catch(() => null),
  );
}

async function readListed(client: Client): Promise<Record<string, string>> {
  const { namespace } = client.options;
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
  return Object.fromEntries(Object.entries(customAttributes ?? {}).map(([name, type]) => [name, TYPES[type] ?? '']));
}

/** Where the operator's service is closed to us, as in Temporal Cloud: the store's columns are called Keyword01, KeywordList02 … */
async function readAliases(client: Client): Promise<Record<string, string>> {
  const { namespace } = client.options;
  const { config } = await client.workflowService.describeNamespace({ namespace });
  return Object.fromEntries(Object.entries(config?.customSearchAttributeAliases ?? {}).map(([column, name]) => [name, column.replace(/\d+$/, '')]));
}

/** Says which of ours a run may set. None where the server does not say: a name that is not registered would hold up the run for ever. */
export function rememberSearchAttributes(client: Client): () => Promise<SearchAttribute[]> {
  let known: { usable: Promise<SearchAttribute[]>; untilMs: number } | undefined;
  return () => {
    if (known === undefined || known.untilMs < Date.now()) {
      const usable = readSearchAttributes(client).then((registered) => {
        // The next run asks again.
        if (registered === null) known = undefined;
        return judgeSearchAttributes(registered ?? {}).usable;
      });
      known = { usable, untilMs: Date.now() + KEPT_MS };
    }
    return known.usable;
  };
}
