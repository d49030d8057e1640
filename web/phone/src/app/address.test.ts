import { describe, expect, it } from 'vitest';
import { detailsLink, placeOf } from './address';

describe('the address', () => {
  it.each(['', '#', '#/', '#/calls', '#calls/1', '#/agents/1'])('%j is the phone', (hash) => {
    expect(placeOf(hash)).toEqual({ name: 'phone' });
  });

  it.each([
    ['#/calls/01hxyz', '01hxyz'],
    ['#/calls/01hxyz/', '01hxyz'],
    ['#/calls/01hxyz?from=task', '01hxyz'],
    ['#/calls/01%68xyz', '01hxyz'],
  ])('%s is a call', (hash, id) => {
    expect(placeOf(hash)).toEqual({ name: 'call', id });
  });

  it.each(['#/calls/', '#/calls/..', '#/calls/a%2Fb', '#/calls/%', '#/calls/<b>', '#/calls/a\nb', `#/calls/${'x'.repeat(65)}`])(
    '%j is a link that cannot be read, and asks the server nothing',
    (hash) => {
      expect(placeOf(hash)).toEqual({ name: 'call', id: '' });
    },
  );

  it('of a call leads to that call', () => {
    expect(placeOf(detailsLink('01hxyz'))).toEqual({ name: 'call', id: '01hxyz' });
  });
});
