import { describe, expect, it } from 'vitest';
import { judgeSearchAttributes, registerCommand, SEARCH_ATTRIBUTE_NAMES } from '../../../spec/search-attributes.js';
import { changedValues, searchValuesOf } from '../../../workflows/decisions/search-values.js';

const run = { phase: 'running' as const, reason: 'Running', name: 'train', hosts: ['a', 'b'] };

describe('what a run tells to be found by', () => {
  it('is its phase, its name and its hosts', () => {
    expect(searchValuesOf(run, SEARCH_ATTRIBUTE_NAMES, {})).toEqual({ MusterPhase: 'running', MusterName: 'train', MusterHosts: ['a', 'b'] });
  });

  it('is nothing that the namespace has not', () => {
    expect(searchValuesOf(run, ['MusterHosts'], {})).toEqual({ MusterHosts: ['a', 'b'] });
    expect(searchValuesOf(run, [], {})).toEqual({});
  });

  it('keeps why a run was restarted when it runs again', () => {
    const restarting = searchValuesOf({ ...run, phase: 'restarting', reason: 'HostLost' }, SEARCH_ATTRIBUTE_NAMES, {});
    expect(restarting.MusterReason).toBe('HostLost');
    expect(searchValuesOf(run, SEARCH_ATTRIBUTE_NAMES, restarting).MusterReason).toBe('HostLost');
    expect(searchValuesOf({ ...run, phase: 'failed', reason: 'CommandFailed' }, SEARCH_ATTRIBUTE_NAMES, restarting).MusterReason).toBe('CommandFailed');
  });

  it('names as many hosts as a value holds', () => {
    const hosts = Array.from({ length: 2_000 }, (_, i) => `gpu-${i}`);
    const told = searchValuesOf({ ...run, hosts }, SEARCH_ATTRIBUTE_NAMES, {}).MusterHosts ?? [];
    expect(told.length).toBeGreaterThan(150);
    expect(JSON.stringify(told).length).toBeLessThan(2_000);
  });

  it('is told where it is new', () => {
    const before = { MusterPhase: 'running', MusterHosts: ['a'] };
    expect(changedValues(before, before)).toEqual([]);
    expect(changedValues(before, { MusterPhase: 'failed' })).toEqual([
      ['MusterPhase', 'failed'],
      ['MusterHosts', null],
    ]);
  });
});

describe('the search attributes of a namespace', () => {
  it('are usable only with the right type', () => {
    const registered = { MusterPhase: 'Keyword', MusterHosts: 'Keyword', MusterReason: 'Keyword', CustomText: 'Text' };
    expect(judgeSearchAttributes(registered)).toEqual({ usable: ['MusterPhase', 'MusterReason'], missing: ['MusterName'], mistyped: ['MusterHosts'] });
    expect(judgeSearchAttributes({}).missing).toEqual(SEARCH_ATTRIBUTE_NAMES);
  });

  it('are registered by a command', () => {
    expect(registerCommand(['MusterName', 'MusterHosts'], { namespace: 'default' })).toBe(
      'temporal operator search-attribute create --namespace default --name MusterName --type Keyword --name MusterHosts --type KeywordList',
    );
  });
});
