// Calls as the gateway tells them, for the development gateway's history.
const at = (minutesAgo, seconds = 0) => new Date(Date.now() - minutesAgo * 60_000 + seconds * 1000).toISOString();

const maria = { object: 'Contact', id: '003aD00000CbDemoAAA', name: 'Maria Korhonen', account_name: 'Nordic Paper Oy', url: 'http://127.0.0.1:8090/lightning/r/Contact/003aD00000CbDemoAAA/view' };

/** A call that rang twice, was answered, held and ended: everything the details can tell. */
export const answered = {
  id: '01hxanswered',
  direction: 'Inbound',
  trunk: 'elisa',
  customer: { number: '+358400000001', name: 'MAIJA' },
  dialled: '+358293000100',
  queue: 'Customer Service EN',
  agent: 'anna',
  started: at(34),
  queued: at(34, 1),
  presented: at(34, 2),
  answered: at(34, 26),
  over: at(34, 338),
  wait_seconds: 25,
  talk_seconds: 312,
  ending: { by: 'customer', reason: 'hungup' },
  match: { looked: true, count: 1, people: [maria] },
  attempts: [
    { agent: 'bo', at: at(34, 2), took_seconds: 15, outcome: 'no-answer', why: 'idle the longest of 2 agents with the skill "en"' },
    { agent: 'anna', at: at(34, 18), took_seconds: 8.2, why: 'the only agent left who is available' },
  ],
  segments: [{ agent: 'anna', from: at(34, 26), to: at(34, 338), held_seconds: 41 }],
  routing: {
    plan: 'queue "Customer Service FI", ask Salesforce',
    asked: 'Flow Cordboard_Route_Call: callerNumber +358400000001, calledNumber +358293000100, queueName "Customer Service FI"',
    answered: 'queueName "Customer Service EN", because the account speaks English',
    done: 'queue "Customer Service EN"',
    took_seconds: 0.418,
  },
};

/** A caller without a number who gave up in the queue. */
export const abandoned = {
  id: '01hxabandoned',
  direction: 'Inbound',
  customer: {},
  dialled: '+358293000200',
  queue: 'Sales',
  started: at(95),
  queued: at(95, 1),
  over: at(95, 73),
  wait_seconds: 72,
  ending: { by: 'customer', reason: 'cancelled' },
  routing: { plan: 'queue "Sales"', answered: 'the caller withheld the number', done: 'queue "Sales"', took_seconds: 0 },
};

/** A number that was busy. */
export const busy = {
  id: '01hxbusy',
  direction: 'Outbound',
  customer: { number: '+4915112345678' },
  dialled: '+4915112345678',
  shown: '+358293001001',
  agent: 'anna',
  started: at(180),
  presented: at(180, 2),
  over: at(180, 5),
  ending: { by: 'customer', reason: 'busy', code: 486 },
  attempts: [{ agent: 'anna', number: '+4915112345678', at: at(180), took_seconds: 4.6, outcome: 'busy', why: 'dialled' }],
  routing: { plan: 'number +4915112345678 by trunk "elisa"', done: 'number +4915112345678 by trunk "elisa"', took_seconds: 0 },
};
