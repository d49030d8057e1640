import { describe, expect, it } from 'vitest';
import { cleanNumber, showNumber } from './number';

describe('a number that is typed or pasted', () => {
  it.each([
    ['+358 40 123 4567', '+358401234567'],
    ['+358 (0)40 123-4567', '+358401234567'],
    ['00358 (0) 40 1234567', '+358401234567'],
    ['00358401234567', '+358401234567'],
    ['(040) 123 4567', '0401234567'],
    ['tel:+358-40-1234567', '+358401234567'],
    ['tel:%2B358401234567', '+358401234567'],
    ['tel:+358401234567;phone-context=+358', '+358401234567'],
    ['sip:1002@gateway.example', '1002'],
    ['+1 (212) 555-0100 ext. 12', '+12125550100'],
    ['+1.212.555.0100x12', '+12125550100'],
    ['1002', '1002'],
    ['*72#', '*72#'],
    ['\u202A+358\u00A040\u00A0123\u20114567\u202C', '+358401234567'],
    ['＋３５８４０１２３４５６７', '+358401234567'],
    ['٠٤٠١٢٣٤٥٦٧', '0401234567'],
    ['112', '112'],
    ['0010', '0010'],
  ])('%s becomes %s', (typed, number) => {
    expect(cleanNumber(typed)).toEqual({ ok: true, number });
  });

  it.each([
    ['', 'empty'],
    ['  -  ', 'empty'],
    ['Maria Korhonen', 'letters'],
    ['+358 40 12a 45', 'letters'],
    ['358+40', 'letters'],
    ['<script>', 'letters'],
    ['+358401234567 +358407654321', 'letters'],
    ['123456789012345678901', 'too-long'],
  ])('%j is refused: %s', (typed, why) => {
    expect(cleanNumber(typed)).toEqual({ ok: false, why });
  });

  it('survives whatever is pasted', () => {
    for (const text of ['%', '%E0%A4%A', '\uD800', 'x'.repeat(100_000), '(0)', '+(0)', 'tel:', ';;;']) {
      expect(cleanNumber(text)).toHaveProperty('ok');
    }
  });
});

describe('a number for the eye', () => {
  it.each([
    ['+358293000100', '+358 293 000 100'],
    ['+12125550100', '+1 212 555 0100'],
    ['+442071838750', '+44 207 183 8750'],
    ['+37251234567', '+372 512 345 67'],
    ['1002', '1002'],
    ['0401234567', '0401234567'],
    ['', ''],
  ])('%s is shown as %s', (number, shown) => {
    expect(showNumber(number)).toBe(shown);
  });
});
