import { expect, test } from 'vitest';
import { baseEnvironment, renderEnv } from '../../../activities/process/env.js';

test("the base environment is the agent's without what is the agent's own", () => {
  const env = { PATH: '/bin', HOME: '/root', TEMPORAL_ADDRESS: 'x', MUSTER_HOST: 'x', npm_config_x: 'x', INIT_CWD: 'x', NPM_TOKEN: 'kept', none: undefined };
  expect(baseEnvironment(env)).toEqual({ PATH: '/bin', HOME: '/root', NPM_TOKEN: 'kept' });
});

test.each(['1A', 'A-B', '', 'A B', 'A=B', 'É', 'A\nB', 'A;id'])('%j is refused as a name', (name) => {
  expect(() => renderEnv({ [name]: 'x' })).toThrow('is not a name for an environment variable');
});

test('a value that holds NUL is refused', () => {
  expect(() => renderEnv({ A: 'x\0y' })).toThrow('The value of A holds a NUL byte');
});

test('values are quoted so that no shell looks into them', () => {
  expect(renderEnv({ A: `it's $x\n` })).toBe(`export A='it'\\''s $x\n'\n`);
});

test('names that shells own are passed on beside the shell', () => {
  expect(renderEnv({ UID: '7', B: '' })).toBe(`export B=''\nset -- 'UID=7'\n`);
});
