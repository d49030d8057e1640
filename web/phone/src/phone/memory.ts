// What a tab remembers over a reload, in session storage: it ends with the tab, and is no cookie. Of a call that goes on
// the browser itself remembers which one it is, so that it can be taken back after a crash.

/** The part of Storage that is used; absent or full storage is survived, it only remembers less. */
export type Shelf = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** A call that this tab was on, so that it can be taken back after a reload, as it was. */
export interface LiveCall {
  id: string;
  direction: 'in' | 'out';
  name: string;
  number: string;
  queue: string;
  /** Milliseconds of the epoch. */
  answered: number;
  muted: boolean;
  /** When this was last known to be true. */
  seen: number;
}

const INSTANCE = 'cordboard.instance';
const CALL = 'cordboard.call';

/**
 * How long a call is worth remembering, milliseconds: the longest time for which a gateway can be told to keep the customer.
 * Whether it still does, it says itself.
 */
export const GRACE_MS = 600_000;

/** The phone's RFC 5626 instance id: the same over reloads, another one in each tab. */
export function instanceId(shelf: Shelf): string {
  const known = read(shelf, INSTANCE);
  if (known !== null && /^[0-9a-f-]{36}$/.test(known)) return known;
  const fresh = uuid();
  write(shelf, INSTANCE, fresh);
  return fresh;
}

/** Keeps a call in mind. After a crash only the lasting shelf is there; it is told no more than it needs. */
export function rememberCall(shelf: Shelf, lasting: Shelf | undefined, call: LiveCall): void {
  write(shelf, CALL, JSON.stringify(call));
  if (lasting) write(lasting, CALL, JSON.stringify({ ...call, name: '', number: '' }));
}

export function forgetCall(...shelves: (Shelf | undefined)[]): void {
  for (const shelf of shelves) {
    try {
      shelf?.removeItem(CALL);
    } catch {
      // Storage that cannot be written holds nothing either.
    }
  }
}

/** The call this tab, or this browser, was on before, if the gateway may still have its customer. */
export function rememberedCall(now: number, ...shelves: (Shelf | undefined)[]): LiveCall | undefined {
  for (const shelf of shelves) {
    const call = shelf && parse(read(shelf, CALL), now);
    if (call) return call;
  }
  return undefined;
}

function parse(kept: string | null, now: number): LiveCall | undefined {
  try {
    const call = JSON.parse(kept ?? 'null') as Partial<LiveCall> | null;
    if (typeof call?.id !== 'string' || call.id === '' || typeof call.seen !== 'number') return undefined;
    if (now - call.seen > GRACE_MS) return undefined;
    return {
      id: call.id,
      direction: call.direction === 'out' ? 'out' : 'in',
      name: call.name ?? '',
      number: call.number ?? '',
      queue: call.queue ?? '',
      answered: Number(call.answered) || now,
      muted: call.muted === true,
      seen: call.seen,
    };
  } catch {
    return undefined;
  }
}

/** Random UUID; crypto.randomUUID exists on https pages only. */
function uuid(): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = ((b[6] ?? 0) & 0x0f) | 0x40;
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function read(shelf: Shelf, key: string): string | null {
  try {
    return shelf.getItem(key);
  } catch {
    return null;
  }
}

function write(shelf: Shelf, key: string, value: string): void {
  try {
    shelf.setItem(key, value);
  } catch {
    // Without storage a reload is a new phone; everything else works.
  }
}
