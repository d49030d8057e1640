// jsforce, which others wrote, speaks to the simulated org. Arguments come by environment: SIM (address), CLIENT_ID,
// CLIENT_SECRET. Each test stands for something that the gateway or its tools rely on.
const test = require('node:test');
const assert = require('node:assert/strict');
const { Connection, SfDate } = require('@jsforce/jsforce-node');

const at = process.env.SIM;

async function connect(extra = {}) {
  const conn = new Connection({
    instanceUrl: at,
    version: '66.0',
    oauth2: { loginUrl: at, clientId: process.env.CLIENT_ID, clientSecret: process.env.CLIENT_SECRET },
    ...extra,
  });
  await conn.authorize({ grant_type: 'client_credentials' });
  return conn;
}

async function sim(method, path, body) {
  const res = await fetch(`${at}/_sim/${path}`, { method, body: body && JSON.stringify(body) });
  assert.ok(res.ok, `${method} ${path}: ${res.status}`);
  return res.status === 204 ? undefined : res.json();
}

const refused = (code) => (err) => {
  assert.equal(err.errorCode ?? err.name, code, String(err));
  return true;
};

test('authorize, identity, versions, limits', async () => {
  const conn = await connect();
  const me = await conn.identity();
  assert.equal(me.username, 'gateway@cordboard.demo');
  assert.equal(me.user_id, conn.userInfo.id);
  assert.match(conn.userInfo.organizationId, /^00D.{15}$/);
  const limits = await conn.limits();
  assert.ok(limits.DailyApiRequests.Remaining < limits.DailyApiRequests.Max);
  assert.equal(conn.limitInfo.apiUsage.limit, limits.DailyApiRequests.Max);
  const versions = await conn.request('/services/data');
  assert.equal(versions.at(-1).version, '67.0');
});

test('a wrong secret is refused', async () => {
  const conn = new Connection({ instanceUrl: at, oauth2: { loginUrl: at, clientId: process.env.CLIENT_ID, clientSecret: 'wrong' } });
  await assert.rejects(conn.authorize({ grant_type: 'client_credentials' }), (err) => err.name === 'invalid_client');
});

test('one record: create, retrieve, update, upsert, destroy', async () => {
  const conn = await connect();
  const made = await conn.sobject('Account').create({ Name: 'Made by jsforce', Phone: '+358 9 1' });
  assert.ok(made.success);
  const got = await conn.sobject('Account').retrieve(made.id);
  assert.equal(got.Name, 'Made by jsforce');
  assert.equal(got.attributes.type, 'Account');
  assert.ok((await conn.sobject('Account').update({ Id: made.id, Name: 'Renamed' })).success);
  assert.equal((await conn.sobject('Account').retrieve(made.id, { fields: ['Name'] })).Name, 'Renamed');
  const ext = { Name: 'n', ExtId__c: 'jsforce one' };
  const first = await conn.sobject('UpsertTable__c').upsert(ext, 'ExtId__c');
  assert.deepEqual([first.success, first.created], [true, true]);
  const second = await conn.sobject('UpsertTable__c').upsert({ ...ext, Name: 'm' }, 'ExtId__c');
  assert.deepEqual([second.created, second.id], [false, first.id]);
  assert.ok((await conn.sobject('Account').destroy(made.id)).success);
  await assert.rejects(conn.sobject('Account').retrieve(made.id), refused('NOT_FOUND'));
  await assert.rejects(conn.sobject('Account').destroy(made.id), refused('ENTITY_IS_DELETED'));
});

test('many records: create, update, upsert, destroy', async () => {
  const conn = await connect();
  const tasks = Array.from({ length: 250 }, (_, i) => ({ Subject: `many ${i}`, Cordboard_Call_Key__c: `jsforce-${i}` }));
  const made = await conn.sobject('Task').create(tasks, { allowRecursive: true });
  assert.equal(made.filter((r) => r.success).length, 250);
  const changed = await conn.sobject('Task').update(made.slice(0, 3).map((r) => ({ Id: r.id, Subject: 'changed' })));
  assert.ok(changed.every((r) => r.success));
  const upserted = await conn.sobject('Task').upsert(
    [{ Cordboard_Call_Key__c: 'jsforce-0', Subject: 'again' }, { Cordboard_Call_Key__c: 'jsforce-new', Subject: 'new' }], 'Cordboard_Call_Key__c');
  assert.deepEqual(upserted.map((r) => r.created), [false, true]);
  const found = await conn.query("SELECT Id FROM Task WHERE Cordboard_Call_Key__c LIKE 'jsforce-%'");
  assert.equal(found.totalSize, 251);
  const gone = await conn.sobject('Task').destroy(found.records.map((r) => r.Id), { allowRecursive: true });
  assert.ok(gone.every((r) => r.success));
  assert.equal((await conn.query("SELECT COUNT() FROM Task WHERE Cordboard_Call_Key__c LIKE 'jsforce-%'")).totalSize, 0);
});

test('allOrNone takes everything back', async () => {
  const conn = await connect();
  const records = [{ Name: 'good', ExtId__c: 'aon-1' }, { Name: 'bad', ExtId__c: 'aon-2', OwnerId: 'INVALID_OWNER' }];
  const results = await conn.sobject('UpsertTable__c').upsert(records, 'ExtId__c', { allOrNone: true });
  assert.deepEqual(results.map((r) => [r.success, r.created]), [[false, true], [false, true]]);
  assert.equal(results[0].errors[0].errorCode ?? results[0].errors[0].statusCode, 'ALL_OR_NONE_OPERATION_ROLLED_BACK');
  assert.equal(results[1].errors[0].errorCode ?? results[1].errors[0].statusCode, 'MALFORMED_ID');
  assert.equal((await conn.query("SELECT COUNT() FROM UpsertTable__c WHERE ExtId__c LIKE 'aon-%'")).totalSize, 0);
});

test('an external id that two records have', async () => {
  const conn = await connect();
  await sim('POST', 'records/UpsertTable__c', [{ ExtId__c: 'twin' }, { ExtId__c: 'twin' }]);
  await assert.rejects(conn.sobject('UpsertTable__c').upsert({ Name: 'n', ExtId__c: 'twin' }, 'ExtId__c'), (err) => err.name === 'MULTIPLE_CHOICES');
});

test('query: parents, autoFetch over pages, search', async () => {
  const conn = await connect();
  const people = await conn.query("SELECT Id, Name, Account.Name, Account.Owner.Name FROM Contact WHERE Account.SLA__c = 'Platinum'");
  assert.equal(people.totalSize, 1);
  assert.equal(people.records[0].Account.Name, 'Nordic Timber Oy');
  assert.equal(people.records[0].Account.Owner.Name, 'Sue Miller');
  await sim('POST', 'records/BigTable__c', Array.from({ length: 450 }, (_, i) => ({ Name: `row ${i}`, Value__c: i })));
  const names = [];
  await new Promise((resolve, reject) => {
    conn.query('SELECT Name FROM BigTable__c ORDER BY Value__c', { autoFetch: true, maxFetch: 1000, headers: { 'Sforce-Query-Options': 'batchSize=200' } })
      .on('record', (r) => names.push(r.Name)).on('end', resolve).on('error', reject).run();
  });
  assert.equal(names.length, 450);
  assert.equal(names[449], 'row 449');
  const found = await conn.search('FIND {358400000002} IN PHONE FIELDS RETURNING Contact(Id, Name), Account(Id, Name)');
  assert.deepEqual(found.searchRecords.map((r) => r.attributes.type), ['Contact', 'Contact', 'Contact', 'Account']);
  await assert.rejects(conn.query('SELECT Nonsense FROM Task'), refused('INVALID_FIELD'));
  await assert.rejects(conn.query('SELEKT Id FROM Task'), refused('MALFORMED_QUERY'));
});

test('find with conditions in jsforce form', async () => {
  const conn = await connect();
  const rows = await conn.sobject('Contact').find({ LastName: { $in: ['Holm', 'Reid'] }, CreatedDate: { $gte: SfDate.toDateTimeLiteral('2020-01-01T00:00:00Z') } }, ['Id', 'LastName']).sort({ LastName: -1 });
  assert.deepEqual(rows.map((r) => r.LastName), ['Reid', 'Holm']);
});

test('describe and describeGlobal', async () => {
  const conn = await connect();
  const task = await conn.describe('Task');
  const key = task.fields.find((f) => f.name === 'Cordboard_Call_Key__c');
  assert.deepEqual([key.externalId, key.idLookup, key.type], [true, true, 'string']);
  assert.equal(task.fields.find((f) => f.name === 'TaskSubtype').updateable, false);
  const all = await conn.describeGlobal();
  assert.ok(all.sobjects.some((o) => o.name === 'UserServicePresence' && !o.createable));
});

test('an expired session is refreshed once, whatever runs at the time', async () => {
  let refreshed = 0;
  const conn = await connect({
    refreshFn: (c, done) => {
      refreshed += 1;
      c.oauth2.requestToken({ grant_type: 'client_credentials' }).then((res) => done(null, res.access_token), done);
    },
  });
  await sim('PUT', 'faults', { expire_tokens: true });
  const answers = await Promise.all([1, 2, 3].map(() => conn.query('SELECT COUNT() FROM Account')));
  assert.equal(answers.length, 3);
  assert.equal(refreshed, 1);
  await sim('DELETE', 'faults');
});
