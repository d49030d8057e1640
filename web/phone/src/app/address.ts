import { Store } from '../phone/store';

/** What the address asks for. A call with an empty id is one whose link cannot be read. */
export type Place = { name: 'phone' } | { name: 'call'; id: string };

const PHONE: Place = { name: 'phone' };

/** Reads the part of an address behind "#": "#/calls/01hx…" are the details of a call, all else is the phone. */
export function placeOf(hash: string): Place {
  const rest = /^#\/calls\/(.*)$/s.exec(hash)?.[1];
  if (rest === undefined) return PHONE;
  const id = decoded(rest.replace(/[?#].*$/s, '').replace(/\/$/, ''));
  // The API takes no longer ones, and a dot or a slash would ask it for something else.
  return { name: 'call', id: /^[\w-]{1,64}$/.test(id) ? id : '' };
}

/** The link to a call's details within the page. */
export function detailsLink(id: string): string {
  return `#/calls/${encodeURIComponent(id)}`;
}

/** Where the page is, as its address says. The phone goes on whatever that is. */
export class Address extends Store<Place> {
  constructor() {
    super(placeOf(location.hash));
    addEventListener('hashchange', () => this.set(placeOf(location.hash)));
  }

  toPhone(): void {
    if (this.get().name === 'phone') return;
    // Not location.hash = '', which leaves a "#" behind.
    history.pushState(null, '', location.pathname + location.search);
    this.set(PHONE);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
