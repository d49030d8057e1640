// Just enough SIP for the development gateway: reading a message, and writing one. Not shipped.
import { randomBytes } from 'node:crypto';

export const token = () => randomBytes(6).toString('hex');

/** Reads a message: { method | status, headers: Map of lower-case name → values, body }. */
export function read(text) {
  const [head, ...rest] = text.split('\r\n\r\n');
  const [first, ...lines] = head.split('\r\n');
  const headers = new Map();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  const message = { first, headers, body: rest.join('\r\n\r\n') };
  const response = /^SIP\/2\.0 (\d+)/.exec(first);
  return response ? { ...message, status: Number(response[1]) } : { ...message, method: first.split(' ')[0], uri: first.split(' ')[1] };
}

export const header = (message, name) => message.headers.get(name)?.[0] ?? '';

/** Writes a response to a request. */
export function response(request, status, phrase, tag, extra = [], body = '') {
  const to = header(request, 'to');
  const lines = [
    `SIP/2.0 ${status} ${phrase}`,
    ...(request.headers.get('via') ?? []).map((via) => `Via: ${via}`),
    `From: ${header(request, 'from')}`,
    `To: ${/;tag=/.test(to) || status === 100 ? to : `${to};tag=${tag}`}`,
    `Call-ID: ${header(request, 'call-id')}`,
    `CSeq: ${header(request, 'cseq')}`,
    ...extra,
  ];
  return finish(lines, body);
}

/** Writes a request. */
export function request(method, uri, { from, to, callId, cseq, branch = `z9hG4bK${token()}` }, extra = [], body = '') {
  return finish(
    [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/WS gateway.invalid;branch=${branch}`,
      'Max-Forwards: 70',
      `From: ${from}`,
      `To: ${to}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      ...extra,
    ],
    body,
  );
}

function finish(lines, body) {
  const type = body === '' ? [] : ['Content-Type: application/sdp'];
  return [...lines, ...type, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');
}
