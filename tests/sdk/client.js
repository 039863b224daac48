'use strict';
/* Clients of the SDK as its users make them; only the endpoint is Causeway's. */

const fs = require('node:fs');
const path = require('node:path');
const OB = require('@alicloud/oceanbasepro20190901');
const { $OpenApiUtil } = require('@alicloud/openapi-core');

/* What the test that runs us says: {"dataDir", "source": port, "target": port, …}. */
const setting = JSON.parse(fs.readFileSync(process.env.CAUSEWAY_SDK_TEST, 'utf8'));
const credentials = JSON.parse(fs.readFileSync(path.join(setting.dataDir, 'initial-credentials.json'), 'utf8'));

function makeClient(more = {}) {
  return new OB.default(new $OpenApiUtil.Config({
    accessKeyId: credentials.accessKeyId,
    accessKeySecret: credentials.accessKeySecret,
    endpoint: fs.readFileSync(path.join(setting.dataDir, 'listen'), 'utf8').trim(),
    protocol: 'HTTP',
    connectTimeout: 30000,
    readTimeout: 30000,
    ...more,
  }));
}

/* Asks until `done` gives something, with a limit that only a fault reaches. */
async function until(what, ask, done, seconds = 120) {
  const end = Date.now() + seconds * 1000 * (setting.patience || 1);
  for (;;) {
    const answer = await ask();
    const value = done(answer);
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s; last: ${JSON.stringify(answer.body)}`);
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
}

const base64 = (text) => Buffer.from(text).toString('base64');

module.exports = { OB, makeClient, until, base64, setting, credentials };
