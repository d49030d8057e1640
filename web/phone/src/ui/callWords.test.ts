import { describe, expect, it } from 'vitest';
import type { CallDetails } from '../api/types';
import { detailsTrouble } from '../phone/trouble';
import { agentName, attemptWords, between, capital, endingWords, moment, result, spoken } from './callWords';

const call = (part: Partial<CallDetails>): CallDetails => ({
  id: '1',
  direction: 'Inbound',
  customer: { number: '+358400000001' },
  started: '2026-11-22T10:00:00Z',
  sounds: [],
  talk_seconds: 0,
  wait_seconds: 0,
  attempts: [],
  segments: [],
  ...part,
});
const over = '2026-11-22T10:01:00Z';

describe('a length', () => {
  it.each([
    [0, '0 s'],
    [0.02, '0.1 s'],
    [0.42, '0.4 s'],
    [7, '7 s'],
    [9.97, '10 s'],
    [59.6, '1 min'],
    [65, '1 min 5 s'],
    [3600, '1 h'],
    [3725, '1 h 2 min'],
    [-3, '0 s'],
  ])('of %d seconds is %s', (seconds, text) => {
    expect(spoken(seconds)).toBe(text);
  });

  it('between two moments needs both', () => {
    expect(between('2026-11-22T10:00:00Z', over)).toBe(60);
    expect(between('2026-11-22T10:00:00Z', undefined)).toBeUndefined();
  });
});

describe('a moment', () => {
  // Built from local parts, so that the test runs in any zone.
  const at = new Date(2026, 10, 22, 14, 30, 5).toISOString();
  it('is told in the reader’s language', () => {
    expect(moment(at, 'en-GB')).toMatch(/22 Nov 2026.*14:30:05/);
    expect(moment(at, 'de-DE')).toMatch(/22\.11\.2026.*14:30:05/);
    expect(moment(at, 'en-US')).toMatch(/Nov 22, 2026.*2:30:05\sPM/);
  });
  it('has no date beside another one of that day, and one on the next', () => {
    expect(moment(at, 'en-GB', at)).toBe('14:30:05');
    expect(moment(new Date(2026, 10, 23, 0, 0, 1).toISOString(), 'en-GB', at)).toMatch(/23 Nov 2026/);
  });
  it('that never came is nothing', () => {
    expect(moment(undefined, 'en-GB')).toBe('');
    expect(moment('nonsense', 'en-GB')).toBe('');
  });
});

describe('the result', () => {
  it.each<[string, Partial<CallDetails>, string]>([
    ['a conversation', { answered: over, over, ending: { by: 'agent', reason: 'hungup' } }, 'Answered'],
    ['a caller who gave up in the queue', { queued: over, over, ending: { by: 'customer', reason: 'cancelled' } }, 'Abandoned in queue'],
    ['a caller who gave up elsewhere', { over, ending: { by: 'customer', reason: 'cancelled' } }, 'Cancelled'],
    ['a busy line', { over, ending: { by: 'customer', reason: 'busy' } }, 'Busy'],
    ['a reason newer than the page', { over, ending: { by: 'gateway', reason: 'moon-phase' } }, 'Not answered'],
    ['a call in its conversation', { answered: over }, 'In conversation'],
    ['a call in the queue', { queued: over }, 'Waiting'],
    ['a call that has just begun', {}, 'Going on'],
  ])('of %s', (_, part, text) => {
    expect(result(call(part)).text).toBe(text);
  });

  it('has a colour', () => {
    expect(result(call({ answered: over, over })).tone).toBe('good');
    expect(result(call({ over })).tone).toBe('bad');
    expect(result(call({})).tone).toBe('now');
  });
});

describe('the ending', () => {
  it('names the side', () => {
    expect(endingWords({ by: 'customer', reason: 'hungup' }, 'Inbound')).toBe('The customer hung up');
    expect(endingWords({ by: 'agent', reason: 'hungup' }, 'Outbound')).toBe('The agent hung up');
    expect(endingWords({ by: 'customer', reason: 'hungup' }, 'Internal')).toBe('A colleague hung up');
    expect(endingWords({ by: 'customer', reason: 'signal-lost' }, 'Inbound')).toBe('The connection to the customer was lost');
    expect(endingWords(undefined, 'Inbound')).toBe('');
  });

  // The gateway's closed set: every reason has words of its own, in the ending and in an attempt.
  const reasons = [
    'hungup', 'cancelled', 'no-answer', 'busy', 'declined', 'unreachable', 'not-found', 'forbidden', 'not-acceptable',
    'taken-elsewhere', 'transferred', 'media-lost', 'signal-lost', 'overloaded', 'failed', 'gateway-stopped',
  ];
  it.each(reasons)('%s is said in words', (reason) => {
    const fallback = capital(reason.replaceAll('-', ' '));
    for (const by of ['customer', 'agent', 'gateway'] as const) {
      const words = endingWords({ by, reason }, 'Inbound');
      expect(words).not.toBe(fallback);
      expect(words).toContain(' ');
    }
    expect(attemptWords(reason)).not.toMatch(/-/);
  });

  it('that is newer than the page is still readable', () => {
    expect(endingWords({ by: 'gateway', reason: 'moon-phase' }, 'Inbound')).toBe('Moon phase');
    expect(attemptWords('moon-phase')).toBe('Moon phase');
  });
});

describe('an attempt', () => {
  it('without an outcome was answered', () => {
    expect(attemptWords(undefined)).toBe('Answered');
    expect(attemptWords('')).toBe('Answered');
    expect(attemptWords('no-answer')).toBe('Did not answer');
  });

  it('is of an agent with a name, or one who is not known any more', () => {
    const anna = { id: 'anna', name: 'Anna Lindqvist', extension: '1001', state: 'idle' as const, availability: { type: 'available' as const } };
    expect(agentName('anna', [anna])).toBe('Anna Lindqvist');
    expect(agentName('gone', [anna])).toBe('gone');
    expect(agentName(undefined, [anna])).toBe('');
  });
});

describe('details that cannot be shown', () => {
  it('say why', () => {
    expect(detailsTrouble(404)).toMatchObject({ kind: 'no-such-call' });
    expect(detailsTrouble(403)).toEqual(detailsTrouble(404));
    expect(detailsTrouble(401)).toMatchObject({ kind: 'session-over' });
    expect(detailsTrouble(undefined)).toMatchObject({ kind: 'server-gone' });
    expect(detailsTrouble(500)).toMatchObject({ kind: 'request-failed' });
  });
});
