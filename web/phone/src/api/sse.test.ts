import { describe, expect, it } from 'vitest';
import { EventParser } from './sse';

describe('the event stream', () => {
  it('is cut into named events with their data', () => {
    expect(new EventParser().push('event: call\ndata: {"a":1}\n\n')).toEqual([{ name: 'call', data: '{"a":1}', id: '' }]);
  });

  it('reads the same however it is cut, with every kind of line end', () => {
    const stream = '\uFEFF: hi\nevent: a\ndata: 1\ndata:2\n\nid: 7\nevent: b\ndata: ä\n\ndata\n\n:\n';
    for (const end of ['\n', '\r', '\r\n']) {
      const text = stream.replaceAll('\n', end);
      const whole = new EventParser().push(text);
      expect(whole).toEqual([
        { name: 'a', data: '1\n2', id: '' },
        { name: 'b', data: 'ä', id: '7' },
        { name: 'message', data: '', id: '7' },
      ]);
      const parser = new EventParser();
      expect(Array.from(text).flatMap((c) => parser.push(c))).toEqual(whole);
    }
  });

  it('drops an event without data and one that is not finished', () => {
    const parser = new EventParser();
    expect(parser.push('event: hello\n\ndata: half')).toEqual([]);
    expect(parser.push('\n\n')).toEqual([{ name: 'message', data: 'half', id: '' }]);
  });

  it('ignores fields it does not know and comments', () => {
    expect(new EventParser().push('retry: 5\nfoo: bar\n: still here\n\n')).toEqual([]);
  });

  it('is bounded: a server gone mad does not fill the page', () => {
    expect(() => new EventParser().push('x'.repeat(2_000_000))).toThrow(RangeError);
    const parser = new EventParser();
    expect(() => {
      for (let i = 0; i < 100; i++) parser.push(`data: ${'x'.repeat(50_000)}\n`);
    }).toThrow(RangeError);
  });
});
