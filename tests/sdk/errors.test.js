'use strict';
/* What fails, and what the SDK makes of it: a ClientError with our code, never an answer that looks like one. */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { OB, makeClient, base64, credentials, setting } = require('./client');

const client = makeClient();
const list = (of = client) => of.listProjects(new OB.ListProjectsRequest({ pageSize: 1 }));

async function throws(call, code, status, text) {
  await assert.rejects(call, (error) => {
    assert.equal(error.name, 'ClientError', error.stack);
    assert.equal(error.code, code, error.message);
    assert.equal(error.statusCode, status);
    assert.match(error.requestId, /^r_/);
    assert.ok(error.message.startsWith(`${code}: code: ${status}, `), error.message);
    if (text) assert.match(error.message, text);
    return true;
  });
}

/* Runs with the clock that many seconds off, and with the same nonce if asked. */
async function withClock(seconds, call, sameNonce = false) {
  const RealDate = Date;
  const realRandom = Math.random;
  const fixed = RealDate.now() + seconds * 1000;
  global.Date = class extends RealDate {
    constructor(...args) {
      if (args.length === 0) super(fixed);
      else super(...args);
    }
  };
  if (sameNonce) Math.random = () => 0.123456789;
  try {
    return await call();
  } finally {
    global.Date = RealDate;
    Math.random = realRandom;
  }
}

test('wrong secret and unknown key', async () => {
  await throws(list(makeClient({ accessKeySecret: `${credentials.accessKeySecret}x` })), 'CAUSEWAY-SIGNAT000001', 401);
  await throws(list(makeClient({ accessKeyId: 'nobody' })), 'CAUSEWAY-AUTHEN000001', 401);
  await throws(list(makeClient({ signatureAlgorithm: 'v2', accessKeySecret: 'x' })), 'CAUSEWAY-SIGNAT000001', 401);
});

test('other credentials are refused by name', async () => {
  await throws(list(makeClient({ securityToken: 't' })), 'CAUSEWAY-NOTSUP000001', 400, /STS/);
  await throws(list(makeClient({ accessKeyId: undefined, accessKeySecret: undefined, bearerToken: 't' })), 'CAUSEWAY-NOTSUP000001', 400, /bearer/);
  await throws(list(makeClient({ signatureAlgorithm: 'ACS3-HMAC-SM3' })), 'CAUSEWAY-NOTSUP000001', 400, /ACS3-HMAC-SM3/);
});

test('unknown id, wrong state, faults of a body', async () => {
  await throws(client.describeProject(new OB.DescribeProjectRequest({ id: 'np_nobody' })), 'GHANA-PROJECT000001', 404);
  await throws(client.deleteDataSource(new OB.DeleteDataSourceRequest({ id: 'e_nobody' })), 'GHANA-ENDPNT000001', 404);
  await throws(client.startProject(new OB.StartProjectRequest({})), 'PARAM_ERROR', 400, /id: is required/);
  const source = new OB.CreateMySqlDataSourceRequest({ name: `err-${Date.now().toString(36)}`, type: 'VPC', ip: '127.0.0.1', port: 1, userName: 'u', password: base64('x') });
  const { data: end } = (await client.createMySqlDataSource(source)).body;
  await throws(client.createMySqlDataSource(source), 'GHANA-NAMEEX000001', 409);
  const project = (await client.createProject(new OB.CreateProjectRequest({
    name: source.name, type: 'MIGRATION', sourceEndpointId: end, sinkEndpointId: end, enableFullTransfer: true, enableIncrTransfer: false,
    commonTransferConfig: new OB.CreateProjectRequestCommonTransferConfig({}), fullTransferConfig: new OB.CreateProjectRequestFullTransferConfig({}),
    transferMapping: new OB.CreateProjectRequestTransferMapping({ mode: 'SPECIFIC', databases: [{ name: 'a', mappedName: 'b' }] }),
  }))).body.data;
  await throws(client.stopProject(new OB.StopProjectRequest({ id: project })), 'GHANA-OPERAT000002', 409, /INIT/);
  await client.deleteProject(new OB.DeleteProjectRequest({ id: project }));
  await client.deleteDataSource(new OB.DeleteDataSourceRequest({ id: end }));
  await assert.rejects(client.createProject(new OB.CreateProjectRequest({ name: 'a b', enableFullTransfer: true })), (error) => {
    const faults = error.data.ErrorDetail.ExtraContext.faults.map((fault) => fault.field);
    for (const field of ['name', 'sourceEndpointId', 'sinkEndpointId', 'transferMapping']) {
      assert.ok(faults.includes(field), String(faults));
      assert.ok(error.message.includes(`${field}: `), error.message);
    }
    return error.name === 'ClientError' && error.code === 'PARAM_ERROR';
  });
});

test('a clock that is off', async () => {
  for (const seconds of [-901 - 60, 901 + 60]) {
    await throws(withClock(seconds, () => list()), 'CAUSEWAY-SIGNAT000002', 401, /this server's time is \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/);
  }
  await throws(withClock(-961, () => list(makeClient({ signatureAlgorithm: 'v2' }))), 'CAUSEWAY-SIGNAT000002', 401);
  assert.equal((await withClock(800, () => list())).body.success, true);
});

test('a request that is sent twice', async () => {
  await withClock(1, async () => {
    assert.equal((await list()).body.success, true);
    await throws(list(), 'CAUSEWAY-SIGNAT000003', 401, /used before/);
  }, true);
});

test('the older signature', async () => {
  const older = makeClient({ signatureAlgorithm: 'v2' });
  assert.equal((await list(older)).body.success, true);
  const name = `v2-${Date.now().toString(36)}`;
  const made = await older.createMySqlDataSource(new OB.CreateMySqlDataSourceRequest({
    name, type: 'VPC', ip: '127.0.0.1', port: 1, userName: 'u', password: base64('x'), description: "a b*~'()! + 中文 &=%",
  }));
  const found = (await older.listDataSource(new OB.ListDataSourceRequest({ searchKey: name, types: ['MYSQL'] }))).body.data;
  assert.deepEqual(found.map((source) => source.description), ["a b*~'()! + 中文 &=%"]);
  await older.deleteDataSource(new OB.DeleteDataSourceRequest({ id: made.body.data }));
});

test('parameters and headers of the client take part in the signature', async () => {
  const { $OpenApiUtil } = require('@alicloud/openapi-core');
  const of = makeClient({
    globalParameters: new $OpenApiUtil.GlobalParameters({ headers: { 'x-acs-extra': ' b ' }, queries: { foo: "a b*~!'()+中", empty: '' } }),
  });
  assert.equal((await list(of)).body.success, true);
});

test('an endpoint with a path, which the SDK can not use', async () => {
  const listen = fs.readFileSync(path.join(setting.dataDir, 'listen'), 'utf8').trim();
  await assert.rejects(list(makeClient({ endpoint: `${listen}/api/v2` })), (error) => error.name === 'ClientError' && error.statusCode === 401);
});

test('many calls at once over kept connections', async () => {
  const answers = await Promise.all(Array.from({ length: 40 }, () => list()));
  assert.ok(answers.every((answer) => answer.body.success));
});
