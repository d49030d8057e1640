import type { Caller } from './leg';

/** The part of JsSIP's incoming request that names the caller. */
export interface Invite {
  getHeader(name: string): string | null | undefined;
  /** JsSIP leaves the name or the user undefined where there is none, whatever its declarations say. */
  from: { display_name: string | undefined; uri: { user: string | undefined } };
}

/** Longest text taken from a header, characters. */
const LONGEST = 200;

/** What the INVITE tells of the caller: RFC 3325 identity before From, and the gateway's own headers. */
export function callerOf(invite: Invite): Caller {
  const asserted = nameAddr(invite.getHeader('P-Asserted-Identity') ?? '');
  const user = asserted.user !== '' ? asserted.user : safeDecode(invite.from.uri.user ?? '');
  const name = asserted.name !== '' ? asserted.name : (invite.from.display_name ?? '');
  const number = withheld(user) ? '' : user;
  return {
    id: text(invite.getHeader('X-Cordboard-Call')),
    queue: text(safeDecode(invite.getHeader('X-Cordboard-Queue') ?? '')),
    auto: invite.getHeader('X-Cordboard-Answer')?.trim().toLowerCase() === 'auto',
    // A name that only repeats the number is no name.
    name: text(unquote(name)) === number || /^anonymous$/i.test(name) ? '' : text(unquote(name)),
    number: text(number),
  };
}

/** "Anonymous" <sip:anonymous@anonymous.invalid> (RFC 3323 section 4.1.1.3) and its relatives. */
function withheld(user: string): boolean {
  return /^(anonymous|unknown|restricted|private|unavailable)?$/i.test(user);
}

/** The first of "Name" <sip:user@host>, sip:user@host, <tel:+358…> (RFC 3325 section 9.1). */
function nameAddr(header: string): { name: string; user: string } {
  const m = /^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<?(?:sips?|tel):([^@>;,\s]+)/i.exec(header);
  if (!m) return { name: '', user: '' };
  return { name: m[1] ?? m[2] ?? '', user: safeDecode(m[3] ?? '') };
}

function unquote(name: string): string {
  return name.replace(/^"(.*)"$/, '$1').replace(/\\(.)/g, '$1');
}

/** Percent-decoded UTF-8; text that is not properly encoded stays as it is. */
export function safeDecode(s: string): string {
  try {
    return decodeURIComponent(s);
  } catch {
    return s;
  }
}

/** Printable, bounded, one line; directional overrides and controls are dropped so that no caller can dress up. */
function text(s: string | null | undefined): string {
  return (s ?? '').replace(/[\p{Cc}\p{Cf}]/gu, '').trim().slice(0, LONGEST);
}
