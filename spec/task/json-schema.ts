import { z } from 'zod';
import { PLACEMENT_KEYS, UNFORWARDED_KEYS } from './keys.js';
import { KEY_REFERENCE } from './reference.js';
import { TASK_FIELDS, taskFields } from './schema.js';
import { MAX_NODES } from './task.js';

const COUNT = { type: 'integer', minimum: 1, maximum: MAX_NODES };
const NODES = {
  anyOf: [
    COUNT,
    { type: 'string', pattern: '^ *[0-9]+ *\\.\\. *[0-9]+ *$' },
    { type: 'object', properties: { min: COUNT, max: COUNT }, required: ['min', 'max'], additionalProperties: false },
  ],
};
const ENV = {
  anyOf: [
    { type: 'array', items: { type: 'string' } },
    { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
  ],
};

type Json = Record<string, unknown>;

/**
 * The task file as a JSON Schema (draft 7), for editors. It takes whatever `muster check` takes, and more: what goes together, and what a
 * text may say, is for `check`.
 */
export function taskJsonSchema(): Json {
  const shape = Object.fromEntries(TASK_FIELDS.map((key) => [key, (taskFields[key] as z.ZodType).nullish().meta({ description: describe(key) })]));
  const ignored = [...PLACEMENT_KEYS, ...UNFORWARDED_KEYS].map((key) => [
    key,
    z.unknown().optional().meta({ description: 'Known in dstack; without effect here.' }),
  ]);
  const schema = z.toJSONSchema(z.strictObject({ ...shape, ...Object.fromEntries(ignored) }), {
    io: 'input',
    unrepresentable: 'any',
    target: 'draft-7',
  }) as Json;
  const properties = schema['properties'] as Record<string, Json>;
  // Where zod reads everything and a function decides, an editor wants to know more.
  properties['nodes'] = nullable(NODES, describe('nodes'));
  properties['env'] = nullable(ENV, describe('env'));
  properties['hosts'] = nullable({ type: 'array', minItems: 1, items: { type: 'string' } }, describe('hosts'));
  const { archives: _archives, repo: _repo, ...known } = properties;
  return { ...schema, title: 'A task of Muster', properties: known };
}

function describe(key: keyof typeof KEY_REFERENCE): string {
  const { text, value, default: byDefault } = KEY_REFERENCE[key];
  return `${text} ${value}. Default: ${byDefault}.`;
}

function nullable(schema: Json, description: string): Json {
  return { description, anyOf: [schema, { type: 'null' }] };
}
