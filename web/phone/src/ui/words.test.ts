import { describe, expect, it } from 'vitest';
import type { CallRecord, Colleague } from '../api/types';
import { search } from './Directory';
import { availabilityText } from './Header';
import { banner } from './LineBanner';
import { summary } from './Match';
import { initials, shownName } from './names';
import { otherSide, outcome } from './Recent';

const contact = (name: string) => ({ object: 'Contact', id: name, name });
const colleague = (id: string, name: string, extension: string): Colleague => ({ id, name, extension, state: 'idle', availability: { type: 'available' } });
const record = (part: Partial<CallRecord>): CallRecord => ({
  id: '1',
  direction: 'Inbound',
  customer: { number: '+358400000001' },
  started: '2026-11-22T10:00:00Z',
  talk_seconds: 0,
  wait_seconds: 0,
  ...part,
});

describe('who is shown', () => {
  it('is the one Salesforce knows, then the name, then the number, then nobody', () => {
    const one = { looked: true, count: 1, people: [contact('Maria Korhonen')] };
    expect(shownName('MAIJA', '+358400000001', one)).toBe('Maria Korhonen');
    expect(shownName('MAIJA', '+358400000001', { looked: true, count: 2, people: [contact('A'), contact('B')] })).toBe('MAIJA');
    expect(shownName('', '+358400000001', undefined)).toBe('+358 400 000 001');
    expect(shownName('', '', undefined)).toBe('Number withheld');
  });

  it('has letters of the name, never of a number', () => {
    expect(initials('Maria Anna Korhonen')).toBe('MK');
    expect(initials('Åsa')).toBe('Å');
    expect(initials('+358 400')).toBe('');
  });

  it('is counted when there are several', () => {
    expect(summary([contact('A'), contact('B'), contact('C'), { object: 'Account', id: 'x', name: 'X' }])).toBe('3 contacts, 1 account');
  });
});

describe('a call in the list', () => {
  it('is told from this agent’s side', () => {
    expect(outcome(record({ answered: '2026-11-22T10:00:05Z', talk_seconds: 65 }), 'anna')).toMatchObject({ kind: 'in', text: '', length: '1:05' });
    expect(outcome(record({}), 'anna')).toMatchObject({ kind: 'missed', text: 'Missed' });
    expect(outcome(record({ ending: { by: 'agent', reason: 'declined' } }), 'anna')).toMatchObject({ kind: 'missed', text: 'Declined' });
    expect(outcome(record({ direction: 'Outbound', ending: { by: 'customer', reason: 'busy' } }), 'anna')).toMatchObject({ kind: 'out', text: 'Busy' });
    expect(outcome(record({ direction: 'Internal', agent: 'anna' }), 'anna').kind).toBe('out');
    expect(outcome(record({ direction: 'Internal', agent: 'bo' }), 'anna').kind).toBe('missed');
  });

  it('names the colleague on the other side', () => {
    const internal = record({ direction: 'Internal', agent: 'bo', customer: { name: 'Anna Aalto', number: '1001', agent: 'anna' } });
    const all = [colleague('bo', 'Bo Berg', '1002')];
    expect(otherSide(internal, 'anna', all)).toEqual({ name: 'Bo Berg', number: '1002' });
    expect(otherSide(internal, 'bo', all)).toEqual(internal.customer);
    expect(otherSide(internal, 'anna', [])).toEqual({});
  });
});

describe('a colleague', () => {
  const all = [colleague('a', 'Åsa Björk-Lind', '1'), colleague('b', 'Bo Berg', '2')];
  it.each([
    ['asa', ['a']],
    ['lind', ['a']],
    ['B', ['a', 'b']],
    ['bo be', ['b']],
    ['erg', []],
  ])('is found by %s', (text, ids) => {
    expect(search(all, text).map((c) => c.id)).toEqual(ids);
  });
});

describe('the line', () => {
  it('counts down to the next try, and is silent while all is well', () => {
    expect(banner({ name: 'down', retryAt: 10_000 }, 7_001, false, false)).toContain('Next try in 3 s');
    expect(banner({ name: 'down', retryAt: 10_000 }, 11_000, false, false)).toContain('Trying');
    expect(banner({ name: 'ready' }, 0, false, false)).toBe('');
    expect(banner({ name: 'ready' }, 0, true, false)).toContain('call back');
    expect(banner({ name: 'ready' }, 0, false, true)).toContain('about to restart');
    expect(banner({ name: 'ready' }, 0, true, true)).toContain('call back');
  });
});

describe('availability', () => {
  it('says until when', () => {
    const until = new Date(2026, 10, 22, 14, 30).toISOString();
    expect(availabilityText({ type: 'busy', until })).toBe('Busy until 14:30');
    expect(availabilityText({ type: 'dnd' })).toBe('Do not disturb');
    expect(availabilityText({ type: 'busy', until: 'nonsense' })).toBe('Busy');
  });
});
