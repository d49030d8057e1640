import { describe, expect, it } from 'vitest';
import { clock, when } from './time';

describe('a duration', () => {
  it.each([
    [0, '0:00'],
    [999, '0:00'],
    [61_000, '1:01'],
    [3_599_000, '59:59'],
    [3_723_000, '1:02:03'],
    [-5_000, '0:00'],
  ])('of %d ms reads %s', (ms, text) => {
    expect(clock(ms)).toBe(text);
  });
});

describe('the time of a call', () => {
  const now = new Date(2026, 10, 22, 20, 0);
  it.each([
    [new Date(2026, 10, 22, 0, 5), '00:05'],
    [new Date(2026, 10, 21, 23, 59), 'Yesterday 23:59'],
    [new Date(2026, 10, 18, 9, 30), 'Wed 09:30'],
    [new Date(2026, 10, 3, 14, 5), '3 Nov 14:05'],
    [new Date(2026, 10, 22, 20, 1), '20:01'],
  ])('%s reads %s', (at, text) => {
    expect(when(at, now)).toBe(text);
  });
});
