import { describe, expect, it } from 'vitest';
import type { CallRecord } from '../api/types';
import { after, busy, type Call, type CallEvent } from './call';
import { soundLost } from './trouble';

const rang: CallEvent = { type: 'rang', key: 'a', at: 1000, id: 'id-1', name: 'Maria', number: '+358400000001', queue: 'Sales' };
const dialled: CallEvent = { type: 'dialled', key: 'a', at: 1000, name: '', number: '+358400000001' };

function story(...events: CallEvent[]): Call | null {
  return events.reduce<Call | null>(after, null);
}

function record(part: Partial<CallRecord>): CallRecord {
  return { id: 'id-1', direction: 'Inbound', customer: {}, started: new Date(1000).toISOString(), talk_seconds: 0, wait_seconds: 0, ...part };
}

const person = { object: 'Contact', id: '003', name: 'Maria Korhonen' };

describe('a call that comes in', () => {
  it('rings, is answered, held, resumed, muted and ended', () => {
    let call = story(rang, { type: 'answering', key: 'a' });
    expect(call?.phase).toBe('answering');
    call = after(call, { type: 'answered', key: 'a', at: 5000 });
    expect(call).toMatchObject({ phase: 'talking', answered: 5000, queue: 'Sales' });
    call = after(call, { type: 'hold-asked', key: 'a' });
    expect(call?.hold).toBe('asking');
    call = after(call, { type: 'held', key: 'a' });
    call = after(call, { type: 'resume-asked', key: 'a' });
    expect(call?.hold).toBe('resuming');
    call = after(call, { type: 'resumed', key: 'a' });
    call = after(call, { type: 'muted', key: 'a', on: true });
    expect(call).toMatchObject({ hold: 'no', muted: true });
    call = after(call, { type: 'ended', key: 'a', at: 9000, trouble: undefined });
    expect(call).toMatchObject({ phase: 'over', over: 9000 });
    expect(busy(call)).toBe(false);
    expect(after(call, { type: 'dismissed', key: 'a' })).toBeNull();
  });

  it('rings on when the microphone cannot be opened', () => {
    const call = story(rang, { type: 'answering', key: 'a' }, { type: 'answer-failed', key: 'a', trouble: soundLost });
    expect(call).toMatchObject({ phase: 'ringing', trouble: soundLost });
    expect(after(call, { type: 'answering', key: 'a' })?.trouble).toBeUndefined();
  });

  it('does not push another call aside, and a finished one does not stand in its way', () => {
    const second: CallEvent = { ...rang, key: 'b', id: 'id-2' };
    expect(story(rang, second)?.key).toBe('a');
    expect(story(rang, { type: 'ended', key: 'a', at: 2, trouble: undefined }, second)?.key).toBe('b');
  });

  it('keeps the moment it was answered when that is told twice', () => {
    expect(story(rang, { type: 'answered', key: 'a', at: 5 }, { type: 'answered', key: 'a', at: 9 })?.answered).toBe(5);
  });

  it('is not brought back by events that come after its end', () => {
    const over = story(rang, { type: 'ended', key: 'a', at: 2, trouble: undefined });
    const late: CallEvent[] = [
      { type: 'answered', key: 'a', at: 3 },
      { type: 'held', key: 'a' },
      { type: 'answering', key: 'a' },
      { type: 'alerting', key: 'a' },
      { type: 'ended', key: 'a', at: 4, trouble: soundLost },
    ];
    for (const event of late) expect(after(over, event)).toBe(over);
  });

  it('ignores events of another call', () => {
    const call = story(rang);
    expect(after(call, { type: 'ended', key: 'b', at: 2, trouble: undefined })).toBe(call);
    expect(after(null, { type: 'answered', key: 'a', at: 2 })).toBeNull();
  });

  it('cannot be dismissed while it goes on, nor held before it is answered', () => {
    const call = story(rang);
    expect(after(call, { type: 'dismissed', key: 'a' })).toBe(call);
    expect(after(call, { type: 'hold-asked', key: 'a' })).toBe(call);
    expect(after(call, { type: 'digit', key: 'a', tone: '1' })).toBe(call);
  });
});

describe('what the gateway tells of a call', () => {
  it('brings the customer, by the id in the INVITE', () => {
    const match = { looked: true, count: 1, people: [person] };
    expect(after(story(rang), { type: 'told', record: record({ match }) })?.match).toEqual(match);
    expect(after(story(rang), { type: 'told', record: record({ id: 'id-2', match }) })?.match).toBeUndefined();
  });

  it('does not take back a match, nor a queue, by saying nothing of it', () => {
    const match = { looked: true, count: 1, people: [person] };
    const call = after(story(rang), { type: 'told', record: record({ match }) });
    expect(after(call, { type: 'told', record: record({}) })).toMatchObject({ match, queue: 'Sales' });
  });

  it('gives a call we placed its id, by what was dialled', () => {
    const placed = record({ id: 'id-9', direction: 'Outbound', dialled: '+358400000001' });
    expect(after(story(dialled), { type: 'told', record: placed })?.id).toBe('id-9');
    const national = story({ ...dialled, number: '0400000001' });
    expect(after(national, { type: 'told', record: placed })?.id).toBe('id-9');
  });

  it('does not mistake an earlier call to the same number, or a call that came in, for the one we placed', () => {
    const earlier = record({ id: 'old', direction: 'Outbound', dialled: '+358400000001', started: new Date(1000 - 60_000).toISOString() });
    expect(after(story(dialled), { type: 'told', record: earlier })?.id).toBe('');
    expect(after(story(dialled), { type: 'told', record: record({ dialled: '+358400000001' }) })?.id).toBe('');
  });
});

describe('a call that goes out', () => {
  it('is calling, then rings there, then talks', () => {
    let call = story(dialled);
    expect(call?.phase).toBe('calling');
    call = after(call, { type: 'alerting', key: 'a' });
    expect(call?.phase).toBe('alerting');
    call = after(call, { type: 'answered', key: 'a', at: 5 });
    call = after(call, { type: 'digit', key: 'a', tone: '1' });
    call = after(call, { type: 'digit', key: 'a', tone: '#' });
    expect(call).toMatchObject({ phase: 'talking', digits: '1#' });
    expect(after(call, { type: 'alerting', key: 'a' })?.phase).toBe('talking');
  });
});
