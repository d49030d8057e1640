// A stand-in for the gateway while the phone is being developed: the API, the events and a SIP socket in one process,
// in memory. Two phones that are logged in can call each other with real sound between the two browsers; calls from
// outside are made with POST /_dev/ring and have no sound. Not shipped, and no proof of anything: the tests of the
// product run against the real gateway.
//
//   PORT=8080 npm run dev:gateway     then  npm run dev
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { header, read, request, response, token } from './sip.mjs';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const agents = Object.fromEntries(
  [
    ['anna', 'Anna Lindqvist', '1001'],
    ['bo', 'Bo Virtanen', '1002'],
  ].map(([id, name, extension]) => [
    id,
    { id, name, extension, roles: ['agent'], availability: { type: 'available', since: new Date().toISOString() }, calls: [], streams: new Set(), socket: null },
  ]),
);
const tokens = new Map();
const legs = new Map(); // Call-ID → leg
const faults = { registration: 0 };

const people = {
  '+358400000001': [person('Contact', '003a', 'Maria Korhonen', 'Nordic Paper Oy')],
  '+358400000002': [
    person('Contact', '003b', 'Jari Nieminen', 'Saimaa Logistics Oy'),
    person('Contact', '003c', 'Kaisa Nieminen', 'Saimaa Logistics Oy'),
    person('Contact', '003d', 'Pekka Salo', 'Saimaa Logistics Oy'),
    person('Account', '001a', 'Saimaa Logistics Oy'),
  ],
  '+358400000004': [person('Lead', '00Qa', 'Ella Mäkinen')],
};

function person(object, id, name, account_name = '') {
  return { object, id: `${id}D00000CbDemoAAA`, name, account_name, url: `http://127.0.0.1:8090/lightning/r/${object}/${id}D00000CbDemoAAA/view` };
}

// ---- HTTP ----

const http = createServer((req, res) => {
  route(req, res).catch((error) => {
    console.error(error);
    res.writeHead(500).end();
  });
});

async function route(req, res) {
  const url = new URL(req.url, 'http://gateway');
  const body = await text(req);
  const data = body === '' ? {} : JSON.parse(body);
  const agent = agents[tokens.get((req.headers.authorization ?? '').replace('Bearer ', ''))];
  const json = (value, status = 200) => res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
  const problem = (status, title, detail = '') =>
    res.writeHead(status, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify({ status, title, detail }));

  if (url.pathname.startsWith('/_dev/')) return json(dev(url.pathname.slice(6), data));
  if (!url.pathname.startsWith('/api/v1/')) return page(url.pathname, res);
  const path = `${req.method} ${url.pathname.slice(7)}`;
  if (path === 'POST /login') {
    const found = agents[data.user];
    if (!found || data.password !== `demo-${data.user}`) return problem(401, 'Unauthorized', 'user name or password is wrong');
    const value = token();
    tokens.set(value, found.id);
    return json({ token: value, expires_at: later(12 * 3600), user: me(found) });
  }
  if (!agent) return problem(401, 'Unauthorized');
  switch (path) {
    case 'POST /logout':
      tokens.delete(req.headers.authorization.slice(7));
      return res.writeHead(204).end();
    case 'GET /me':
      return json(me(agent));
    case 'PUT /me/availability':
      agent.availability = { ...data, since: new Date().toISOString() };
      tell(agent, 'agent', { id: agent.id, availability: agent.availability, state: 'idle', devices: 1 });
      return json(agent.availability);
    case 'POST /me/sip-credentials':
      return json({ uri: `sip:${agent.extension}@gateway.invalid`, authorization_user: agent.extension, password: token(), ws_url: '/sip', expires_at: later(600), display_name: agent.name });
    case 'GET /me/calls':
      return json({ calls: agent.calls.slice(0, Number(url.searchParams.get('limit') ?? 50)) });
    case 'GET /agents':
      return json(Object.values(agents).map((a) => ({ id: a.id, name: a.name, extension: a.extension, availability: a.availability, state: a.socket ? 'idle' : 'unreachable' })));
    case 'GET /me/events':
      res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      agent.streams.add(res);
      res.on('close', () => agent.streams.delete(res));
      return tell(agent, 'hello', { at: later(0), id: agent.id, availability: agent.availability, state: 'idle', devices: 1, calls: [...legs.values()].filter((l) => l.agent === agent).map((l) => l.record), queues: [] });
    default:
      if (path.startsWith('GET /calls/')) return details(decodeURIComponent(path.slice(11)));
      return problem(404, 'Not Found');
  }

  /** A call the agent had, or has; with the lists that only the details have. */
  function details(id) {
    const going = [...legs.values()].filter((l) => l.agent === agent).map((l) => l.record);
    const found = [...agent.calls, ...going].find((c) => c.id === id);
    if (!found) return problem(404, 'Not Found', `call "${id}" is not known, or was somebody else's; see GET /me/calls`);
    return json({ attempts: [], segments: [], wait_seconds: 0, talk_seconds: 0, ...found });
  }
}

async function text(req) {
  const parts = [];
  for await (const part of req) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function page(path, res) {
  if (path === '/phone') return res.writeHead(308, { Location: '/phone/' }).end();
  const name = path === '/phone/' ? 'index.html' : path.replace(/^\/phone\//, '');
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
  try {
    const file = await readFile(join(dist, name));
    res.writeHead(200, { 'Content-Type': types[extname(name)] ?? 'application/octet-stream' }).end(file);
  } catch {
    res.writeHead(404).end();
  }
}

const later = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();
const me = ({ id, name, extension, roles, availability }) => ({ id, name, extension, roles, availability, state: 'idle', devices: 1, display_numbers: [{ number: '+358293001001', label: 'Work' }, { number: '+358293000100', label: 'Customer Service EN' }], queues: [] });

function tell(agent, name, data) {
  for (const stream of agent.streams) stream.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}

// ---- what a developer can make happen ----

function dev(what, data) {
  const agent = agents[data.agent ?? 'anna'];
  switch (what) {
    case 'ring':
      return ring(agent, data);
    case 'hangup':
      for (const leg of legs.values()) if (leg.agent === agent) hangup(leg);
      return {};
    case 'drop-sockets':
      agent.socket?.terminate();
      return {};
    case 'refuse-registration':
      faults.registration = data.status ?? 0;
      return {};
    case 'forget-sessions':
      tokens.clear();
      for (const a of Object.values(agents)) for (const stream of a.streams) stream.end();
      return {};
    case 'history':
      agent.calls = data.calls;
      return {};
    case 'stop-listening':
      // After the answer to this very request.
      setTimeout(() => {
        http.close();
        for (const a of Object.values(agents)) a.socket?.terminate();
        http.closeAllConnections();
      }, 50);
      setTimeout(() => http.listen(port, '127.0.0.1'), data.ms ?? 5000);
      return {};
    default:
      return { error: 'unknown' };
  }
}

const fakeSdp = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=ice-lite',
  'm=audio 9 UDP/TLS/RTP/SAVPF 0 101',
  'c=IN IP4 127.0.0.1',
  'a=rtcp-mux',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:101 telephone-event/8000',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa',
  `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
  'a=sendrecv',
  '',
].join('\r\n');
const fakeOffer = `${fakeSdp}a=setup:actpass\r\n`;
const fakeAnswer = `${fakeSdp}a=setup:passive\r\n`;

/** A call from outside; no sound. data: {number, name, queue, id, auto, match_ms} */
function ring(agent, { number = '', name = '', queue = '', id = token() + token(), auto = false, match_ms = 300 }) {
  const record = { id, direction: 'Inbound', customer: { name, number }, dialled: '+358293000100', queue, agent: agent.id, started: new Date().toISOString() };
  const leg = invite(agent, { record, name, number, queue, auto, sdp: fakeOffer });
  if (!leg) return { error: 'not registered' };
  moment(agent, 'presented', record);
  setTimeout(() => {
    record.match = { looked: true, count: (people[number] ?? []).length, people: people[number] ?? [] };
    moment(agent, 'matched', record);
  }, match_ms);
  return { id };
}

function moment(agent, name, record) {
  tell(agent, 'call', { at: new Date().toISOString(), moment: name, agent: agent.id, record });
}

// ---- SIP ----

function invite(agent, { record, name, number, queue = '', auto = false, sdp, peer = null }) {
  if (!agent.socket) return null;
  const leg = {
    agent,
    record,
    peer,
    callId: token(),
    from: `${name === '' ? '' : `"${name}" `}<sip:${number === '' ? 'anonymous@anonymous.invalid' : `${number}@gateway.invalid`}>;tag=${token()}`,
    to: `<sip:${agent.extension}@gateway.invalid>`,
    target: agent.contact,
    cseq: 1,
    state: 'ringing',
    branch: `z9hG4bK${token()}`,
  };
  legs.set(leg.callId, leg);
  const extra = ['Contact: <sip:gateway@gateway.invalid;transport=ws>', `X-Cordboard-Call: ${record.id}`];
  if (queue !== '') extra.push(`X-Cordboard-Queue: ${encodeURIComponent(queue)}`);
  if (auto) extra.push('X-Cordboard-Answer: auto');
  agent.socket.send(request('INVITE', leg.target, leg, extra, sdp));
  return leg;
}

const sockets = new WebSocketServer({ server: http, path: '/sip', handleProtocols: () => 'sip' });
sockets.on('connection', (socket) => {
  socket.on('message', (data) => {
    const text = data.toString();
    if (text.trim() === '') return;
    const message = read(text);
    if (message.status) answered(message);
    else asked(socket, message);
  });
  socket.on('close', () => {
    for (const agent of Object.values(agents)) if (agent.socket === socket) agent.socket = null;
  });
});

function asked(socket, message) {
  const leg = legs.get(header(message, 'call-id'));
  const reply = (status, phrase, extra = [], body = '') => socket.send(response(message, status, phrase, leg?.tag ?? 'gw', extra, body));
  switch (message.method) {
    case 'REGISTER': {
      const agent = Object.values(agents).find((a) => header(message, 'to').includes(`sip:${a.extension}@`));
      if (faults.registration > 0) return reply(faults.registration, 'Refused');
      const contact = header(message, 'contact');
      if (agent && !/expires=0/.test(contact)) {
        agent.socket = socket;
        agent.contact = /<([^>]+)>/.exec(contact)[1];
      }
      return reply(200, 'OK', [`Contact: ${contact}`]);
    }
    case 'INVITE':
      if (leg) return reinvited(leg, message, reply);
      return dialled(socket, message);
    case 'CANCEL':
      reply(200, 'OK');
      if (leg?.peer) cancel(leg.peer);
      if (leg) {
        socket.send(response(leg.invite, 487, 'Request Terminated', leg.tag));
        over(leg, 'cancelled');
      }
      return;
    case 'BYE':
      reply(200, 'OK');
      if (leg?.peer) hangup(leg.peer);
      if (leg) over(leg, 'hungup');
      return;
    case 'ACK':
      return;
    default:
      return reply(200, 'OK');
  }
}

function reinvited(leg, message, reply) {
  if (!leg.peer) {
    const hold = /a=(sendonly|inactive)/.test(message.body);
    return reply(200, 'OK', ['Contact: <sip:gateway@gateway.invalid;transport=ws>'], hold ? fakeAnswer.replace('a=sendrecv', 'a=recvonly') : fakeAnswer);
  }
  leg.reinvite = message;
  const { peer } = leg;
  peer.cseq++;
  peer.forwarding = leg;
  peer.agent.socket?.send(request('INVITE', peer.target, { from: peer.from, to: peer.to, callId: peer.callId, cseq: peer.cseq }, ['Contact: <sip:gateway@gateway.invalid;transport=ws>'], message.body));
}

function dialled(socket, message) {
  const agent = Object.values(agents).find((a) => a.socket === socket);
  const number = decodeURIComponent(/sip:([^@]+)@/.exec(message.uri)[1]);
  const record = { id: token() + token(), direction: 'Outbound', customer: { number, name: '' }, dialled: number, agent: agent.id, started: new Date().toISOString() };
  const leg = { agent, record, callId: header(message, 'call-id'), tag: token(), invite: message, cseq: 1, state: 'trying' };
  leg.from = `${header(message, 'to')};tag=${leg.tag}`;
  leg.to = header(message, 'from');
  leg.target = /<([^>]+)>/.exec(header(message, 'contact'))[1];
  legs.set(leg.callId, leg);
  const reply = (status, phrase, extra = [], body = '') => socket.send(response(message, status, phrase, leg.tag, ['Contact: <sip:gateway@gateway.invalid;transport=ws>', ...extra], body));
  reply(100, 'Trying');
  moment(agent, 'began', record);

  const colleague = Object.values(agents).find((a) => a.extension === number);
  if (colleague) {
    record.direction = 'Internal';
    record.customer = { number, name: colleague.name, agent: colleague.id };
    leg.peer = invite(colleague, { record, name: agent.name, number: agent.extension, sdp: message.body });
    if (!leg.peer) return refuse(leg, reply, 480, 'Temporarily Unavailable');
    leg.peer.peer = leg;
    moment(colleague, 'presented', record);
    leg.reply = reply;
    return;
  }
  // Numbers that end in 000 and a status meet that status, all others answer after two seconds.
  const status = Number(/000(4\d\d|5\d\d|603)$/.exec(number)?.[1] ?? 0);
  setTimeout(() => reply(180, 'Ringing'), 300);
  setTimeout(() => {
    if (!legs.has(leg.callId)) return;
    if (status > 0) return refuse(leg, reply, status, 'Refused');
    record.answered = new Date().toISOString();
    record.match = { looked: true, count: (people[number] ?? []).length, people: people[number] ?? [] };
    reply(200, 'OK', [], fakeAnswer);
    moment(agent, 'answered', record);
  }, 2000);
}

function refuse(leg, reply, status, phrase) {
  reply(status, phrase);
  over(leg, status === 486 ? 'busy' : 'failed');
}

function answered(message) {
  const leg = legs.get(header(message, 'call-id'));
  if (!leg || !/INVITE$/.test(header(message, 'cseq'))) return;
  if (message.status > 100 && message.status < 200) return leg.peer?.reply?.(180, 'Ringing');
  if (message.status < 200) return;
  const cseq = Number.parseInt(header(message, 'cseq'), 10);
  leg.to = header(message, 'to');
  const ok = message.status < 300;
  const branch = ok ? undefined : leg.branch;
  leg.agent.socket?.send(request('ACK', leg.target, { from: leg.from, to: leg.to, callId: leg.callId, cseq, ...(branch ? { branch } : {}) }));
  if (leg.forwarding) {
    const other = leg.forwarding;
    leg.forwarding = null;
    const reply = response(other.reinvite, message.status, ok ? 'OK' : 'Refused', other.tag ?? 'gw', ['Contact: <sip:gateway@gateway.invalid;transport=ws>'], message.body);
    other.agent.socket?.send(reply);
    return;
  }
  if (!ok) {
    if (leg.peer) refuse(leg.peer, leg.peer.reply, message.status, 'Refused');
    return over(leg, message.status === 487 ? 'cancelled' : 'declined');
  }
  if (leg.state !== 'ringing') return;
  leg.state = 'up';
  leg.target = /<([^>]+)>/.exec(header(message, 'contact'))?.[1] ?? leg.target;
  leg.record.answered ??= new Date().toISOString();
  leg.peer?.reply(200, 'OK', [], message.body);
  moment(leg.agent, 'answered', leg.record);
}

function cancel(leg) {
  leg.agent.socket?.send(request('CANCEL', leg.target, { ...leg, cseq: 1 }));
}

function hangup(leg) {
  if (!legs.has(leg.callId)) return;
  if (leg.state === 'ringing') return cancel(leg);
  leg.agent.socket?.send(request('BYE', leg.target, { from: leg.from, to: leg.to, callId: leg.callId, cseq: ++leg.cseq }));
  over(leg, 'hungup');
}

function over(leg, reason) {
  if (!legs.delete(leg.callId)) return;
  const { record, agent } = leg;
  record.over = new Date().toISOString();
  record.ending = { by: 'customer', reason };
  record.talk_seconds = record.answered ? Math.round((Date.parse(record.over) - Date.parse(record.answered)) / 1000) : 0;
  if (!agent.calls.some((c) => c.id === record.id)) agent.calls.unshift({ ...record });
  moment(agent, 'over', record);
}

const port = Number(process.env.PORT ?? 8080);
http.listen(port, '127.0.0.1', () => console.log(`listening http://127.0.0.1:${http.address().port}/phone/`));
