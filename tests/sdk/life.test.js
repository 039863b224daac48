'use strict';
/* The life of a project, call by call, with the official SDK: what its users have scripts for. */

const assert = require('node:assert/strict');
const test = require('node:test');
const { OB, makeClient, until, base64, setting } = require('./client');
const { check } = require('./shape');

/* Fields of the models that have no meaning here; docs/sdk.md has the same list. */
const ELSEWHERE = [
  // message queues, OceanBase's own logs, cloud purchase
  /\.(mqPartition|mqPartitionMode|mqSerializerType|datahubTopicType|rocketMq\w+|dataWorksBusinessName)$/,
  /\.(sinkStoreFormat|sourceStoreFormat|ocpName|nlsLengthSemantics|oracleSid|oracleNlsLengthSemantics)$/,
  /\.(workerGradeId|workerGradeInfo|vpcId|partnerId|resourceOwner|adbTableSchema)$/,
  // other engines' and other modes' parts of a selection
  /\.(tenantName|tenant|cluster|connExtraAttributes|databasesBlack|tableAndView(White|Black)List)$/,
];
const PAGE = [/^(pageNumber|pageSize|totalCount)$/];
const NO_DATA = [...PAGE, /^data$/];

const client = makeClient();
const stamp = Date.now().toString(36);
const ids = {};

/* The body of an answer, its shape checked. */
async function ask(name, request, absent = PAGE) {
  const answer = await client[name](request);
  assert.equal(answer.statusCode, 200);
  if ('success' in answer.body.constructor.names()) assert.equal(answer.body.success, true);
  check(answer.body, [...ELSEWHERE, ...absent]);
  return answer.body;
}

const steps = async () => {
  const answer = await client.describeProjectSteps(new OB.DescribeProjectStepsRequest({ id: ids.project }));
  const failed = answer.body.data.find((step) => step.status === 'FAILED');
  assert.equal(failed, undefined, JSON.stringify(failed));
  return answer;
};
const stepIs = (name, status) => (answer) => answer.body.data.find((step) => step.name === name && step.status === status);
const describe = (id = ids.project) => client.describeProject(new OB.DescribeProjectRequest({ id }));

test('data sources', async () => {
  const common = { ip: '127.0.0.1', userName: 'root', password: base64(''), type: 'VPC', useSsl: false };
  for (const side of ['source', 'target']) {
    const body = await ask('createMySqlDataSource', new OB.CreateMySqlDataSourceRequest({
      ...common, name: `${side}-${stamp}`, port: setting[side], description: `the ${side} + more`,
    }));
    assert.match(body.data, /^e_/);
    ids[side] = body.data;
  }
  const oms = await client.createOmsMysqlDataSource(new OB.CreateOmsMysqlDataSourceRequest({
    name: `oms-${stamp}`, type: 'VPC', ip: '127.0.0.1', port: String(setting.source), username: 'root', password: base64('x'),
  }));
  check(oms.body);
  ids.oms = oms.body.data.endpointId;
  const ob = await ask('createOceanBaseDataSource', new OB.CreateOceanBaseDataSourceRequest({
    name: `ob-${stamp}`, type: 'OB_MYSQL', ip: '127.0.0.1', port: 2883, tenant: 't', cluster: 'c', userName: 'u', password: base64('x'),
    logProxyPort: '2983',
  }));
  ids.ob = ob.data;
});

test('lists of data sources: filters and pages', async () => {
  const list = (more) => client.listDataSource(new OB.ListDataSourceRequest({ searchKey: stamp, ...more }));
  const all = await list({ pageNumber: '1', pageSize: '10' });
  check(all.body, [...ELSEWHERE, /\.(schema|description|version|timezone|charset|operatingSystem|region)$/]);
  assert.equal(all.body.totalCount, 4);
  const mine = all.body.data.find((source) => source.id === ids.source);
  assert.equal(mine.userName, 'root');
  assert.equal(mine.port, setting.source);
  assert.equal(mine.description, 'the source + more');
  assert.ok(!JSON.stringify(all.body).toLowerCase().includes('password'));
  assert.deepEqual((await list({ types: ['OB_MYSQL'] })).body.data.map((source) => source.id), [ids.ob]);
  assert.deepEqual((await list({ searchKey: ids.target })).body.data.map((source) => source.id), [ids.target]);
  const two = await list({ pageNumber: '2', pageSize: '3', sortField: 'gmtCreate', order: 'asc' });
  assert.deepEqual([two.body.data.length, two.body.pageNumber, two.body.pageSize], [1, 2, 3]);
  assert.equal(two.body.data[0].id, ids.ob);
});

test('labels', async () => {
  const made = await ask('createLabel', new OB.CreateLabelRequest({ name: `l${stamp}` }));
  ids.label = made.data;
  const answer = await client.listAllLabels();
  check(answer.body, PAGE);
  assert.deepEqual(answer.body.data.find((label) => label.id === ids.label).name, `l${stamp}`);
});

function projectOf(name, tables, more = {}) {
  return new OB.CreateProjectRequest({
    name: `${name}-${stamp}`, type: 'MIGRATION', sourceEndpointId: ids.source, sinkEndpointId: ids.target,
    labelIds: [ids.label],
    enableStructTransfer: true, enableFullTransfer: true, enableIncrTransfer: true, enableFullVerify: false, enableReverseIncrTransfer: false,
    commonTransferConfig: new OB.CreateProjectRequestCommonTransferConfig({ tableCategory: 'ALL', activeActive: false }),
    structTransferConfig: new OB.CreateProjectRequestStructTransferConfig({ deferIndexCreation: false, byteCharConvertStrategy: 'DO_NOTHING_IF_BYTE_USED' }),
    fullTransferConfig: new OB.CreateProjectRequestFullTransferConfig({
      fullTransferSpeedMode: 'NORMAL', fullVerifySpeedMode: 'NORMAL', allowDestTableNotEmpty: true, nonePkUkTruncateDstTable: true,
      throttleRps: 100000, throttleIOPS: 2 ** 30,
    }),
    incrTransferConfig: new OB.CreateProjectRequestIncrTransferConfig({
      recordTypeWhiteList: ['INSERT', 'UPDATE', 'DELETE'], storeLogKeptHour: 24, incrSyncConcurrency: 8, enableSequencingWithinTxn: true,
      enableIncrSyncStatistics: false,
    }),
    transferMapping: new OB.CreateProjectRequestTransferMapping({
      mode: 'SPECIFIC',
      databases: [new OB.CreateProjectRequestTransferMappingDatabases({
        name: 'app', mappedName: 'app',
        tables: tables.map((table) => new OB.CreateProjectRequestTransferMappingDatabasesTables({ name: table, mappedName: table })),
      })],
    }),
    ...more,
  });
}

test('a project is created, with every kind of parameter', async () => {
  ids.project = (await ask('createProject', projectOf('first', setting.tables))).data;
  ids.second = (await ask('createProject', projectOf('second', setting.tables.slice(0, 1)))).data;
  assert.match(ids.project, /^np_/);
  const body = (await describe()).body;
  const { data } = body;
  assert.equal(data.status, 'INIT');
  assert.deepEqual(data.labels.map((label) => label.id), [ids.label]);
  assert.deepEqual(data.transferMapping.databases[0].tables.map((table) => table.name), setting.tables);
  assert.equal(data.fullTransferConfig.throttleRps, 100000);
  assert.equal(data.incrTransferConfig.incrSyncConcurrency, 8);
  assert.equal(data.sourceConnectInfo.username, 'root');
});

test('lists of projects: every filter and page option', async () => {
  const list = async (more) => (await client.listProjects(new OB.ListProjectsRequest({ searchKey: stamp, ...more }))).body;
  const names = async (more) => (await list(more)).data.map((project) => project.name.split('-')[0]);
  assert.deepEqual(await names({}), ['second', 'first']);
  assert.deepEqual(await names({ order: 'asc', sortField: 'gmtCreate' }), ['first', 'second']);
  assert.deepEqual(await names({ order: 'descend', sortField: 'gmtModified' }), ['second', 'first']);
  assert.deepEqual(await names({ type: 'MIGRATION', status: ['INIT', 'RUNNING'] }), ['second', 'first']);
  assert.deepEqual(await names({ type: 'SYNC' }), []);
  assert.deepEqual(await names({ status: ['FAILED'] }), []);
  assert.deepEqual(await names({ labelIds: [ids.label], visibleSubProject: true }), ['second', 'first']);
  assert.deepEqual(await names({ sourceEndpointTypes: ['MYSQL'], sinkEndpointTypes: ['MYSQL'] }), ['second', 'first']);
  assert.deepEqual(await names({ sinkEndpointTypes: ['OB_MYSQL'] }), []);
  assert.deepEqual(await names({ searchKey: ids.project }), ['first']);
  const page = await list({ pageNumber: 2, pageSize: 1, needRelatedInfo: false });
  assert.deepEqual([page.data.length, page.totalCount, page.pageNumber, page.pageSize], [1, 2, 2, 1]);
  assert.equal(page.data[0].id, ids.project);
  const full = await list({ needRelatedInfo: true });
  assert.ok(full.data[0].steps.length > 0 && full.data[0].sourceConnectInfo.host);
});

test('it starts and runs to its steady state', async () => {
  await ask('startProject', new OB.StartProjectRequest({ id: ids.project }), NO_DATA);
  await until('INCR_TRANSFER is MONITORING', steps, stepIs('INCR_TRANSFER', 'MONITORING'));
});

/* What has no value in a running, healthy project. */
const HEALTHY = [
  /\.(destConnId|gmtFinish|alarmStats\.alarmContent|alarmStats\.target)$/,
  /^data(\[\])?\.(transferMapping\.databases\[\]\.(id|type|specific\w+|views)|.*\.(whereClause|filterColumns|shardColumns))$/,
  /\.databases\[\]\.tables\[\]\.id$/,
  /(errorCode|errorMsg|errorParam|errorDetails|failedTime|finishTime|stepInfo(\..*)?)$/,
  /\.(reverseIncrTransferConfig|syncDelay|syncDelaySampleTimestamp|logServiceStartCheckpoint|incrSyncTimestamp|sub(Dbs|Conds|Ids)|reverseSubtopics|subtopics)$/,
  /ConnectInfo\.(region|operatingSystem|charset|timezone|version|connectionInfo)$/,
  /incrTransferConfig\.(startTimestamp|throttle\w+|supportDDLTypes)$/,
];

test('each field of the running project is there with its type', async () => {
  const { body } = await describe();
  const seen = check(body, [...ELSEWHERE, ...PAGE, ...HEALTHY]);
  assert.ok(seen > 120, String(seen));
  assert.equal(body.data.status, 'RUNNING');
  const listed = await client.listProjects(new OB.ListProjectsRequest({ searchKey: ids.project }));
  check(listed.body, [...ELSEWHERE, ...HEALTHY, /^data\[\]\.(transferMapping(\..*)?|\w+TransferConfig)$/]);
  const answer = await steps();
  check(answer.body, [...PAGE, /(errorCode|errorMsg|errorParam|errorDetails|failedTime|finishTime|stepInfo(\..*)?)$/]);
  const orders = answer.body.data.map((step) => step.order);
  assert.deepEqual(orders, [...orders].sort((a, b) => a - b));
  const full = answer.body.data.find((step) => step.name === 'FULL_TRANSFER');
  assert.equal(full.progress, 100);
  assert.equal(typeof full.stepInfo.processedRecords, 'number');     // a free map: its keys are as in the other dialect
});

test('progress', async () => {
  const body = await ask('describeProjectProgress', new OB.DescribeProjectProgressRequest({ id: ids.project }),
    [...PAGE, /reverseIncrTransferCheckpoint$/]);
  assert.equal(body.data.projectId, ids.project);
  assert.equal(body.data.fullTransferProgress, 100);
  assert.ok(Math.abs(body.data.incrSyncCheckpoint - Date.now() / 1000) < 3600);
});

test('components', async () => {
  const body = await ask('describeProjectComponents', new OB.DescribeProjectComponentsRequest({ id: ids.project }), [...PAGE, /^data\./]);
  assert.ok(body.data.incrSyncComponents.length > 0);
});

test('metrics of a step', async () => {
  const metric = (metricType, aggregator) => () => {
    const now = Math.floor(Date.now() / 1000);
    return client.describeProjectStepMetric(new OB.DescribeProjectStepMetricRequest({
      projectId: ids.project, stepName: 'INCR_TRANSFER', metricType, aggregator, beginTimestamp: now - 3600, endTimestamp: now, maxPointNum: 10,
    }));
  };
  const answer = await until('a point of DELAY', metric('DELAY', 'AVG'), (a) => a.body.data.metrics.some((m) => m.dataPoints.length > 0) && a, 90);
  check(answer.body, [...PAGE, /referenceValue$/, /metrics\[\]\.(name|tags)$/]);
  for (const type of ['RPS', 'IOPS', 'SINK_COMMIT_TIME', 'SINK_EXECUTE_TIME']) assert.equal((await metric(type, 'NONE')()).body.success, true);
});

test('its configuration is changed while it runs', async () => {
  await ask('updateProjectConfig', new OB.UpdateProjectConfigRequest({
    id: ids.project,
    fullTransferConfig: new OB.UpdateProjectConfigRequestFullTransferConfig({ throttleRps: 5000 }),
    incrTransferConfig: new OB.UpdateProjectConfigRequestIncrTransferConfig({ throttleRps: 4000, throttleIOPS: 2 ** 24 }),
  }), NO_DATA);
  const { data } = (await describe()).body;
  assert.equal(data.incrTransferConfig.throttleRps, 4000);
  assert.equal(data.incrTransferConfig.throttleIOPS, 2 ** 24);
});

test('objects are added to it while it runs', async () => {
  const table = (name) => new OB.CreateProjectModifyRecordsRequestDatabasesTables({ name, mappedName: name });
  const body = await ask('createProjectModifyRecords', new OB.CreateProjectModifyRecordsRequest({
    id: ids.project,
    databases: [new OB.CreateProjectModifyRecordsRequestDatabases({
      name: 'app', mappedName: 'app', tables: [...setting.tables, setting.added].map(table),
    })],
  }));
  assert.equal(typeof body.data, 'number');
  const records = () => client.listProjectModifyRecords(new OB.ListProjectModifyRecordsRequest({ id: ids.project }));
  const answer = await until('the objects are merged', records, (a) => {
    const failed = a.body.data.find((record) => ['FAILED', 'TERMINATED'].includes(record.status));
    assert.equal(failed, undefined, JSON.stringify(failed));
    return a.body.data.length > 0 && a.body.data.every((record) => record.status === 'SUCCESS') && a;
  });
  assert.equal(answer.body.data[0].type, 'INCREASE_OBJECT');
  assert.equal(typeof answer.body.data[0].id, 'number');
  await assert.rejects(client.retryProjectModifyRecords(new OB.RetryProjectModifyRecordsRequest({ id: String(answer.body.data[0].id) })),
    (error) => error.name === 'ClientError' && error.statusCode === 409);
  const { data } = (await describe()).body;
  assert.ok(data.transferMapping.databases[0].tables.some((one) => one.name === setting.added));
});

test('it stops, resumes, is released and deleted', async () => {
  const now = async (status) => assert.equal((await describe()).body.data.status, status);
  await ask('stopProject', new OB.StopProjectRequest({ id: ids.project }), NO_DATA);
  await now('SUSPEND');
  await ask('resumeProject', new OB.ResumeProjectRequest({ id: ids.project }), NO_DATA);
  await until('INCR_TRANSFER is MONITORING', steps, stepIs('INCR_TRANSFER', 'MONITORING'));
  await ask('stopProject', new OB.StopProjectRequest({ id: ids.project }), NO_DATA);
  await ask('releaseProject', new OB.ReleaseProjectRequest({ id: ids.project }), NO_DATA);
  await until('it is RELEASED', () => describe(), (a) => a.body.data.status === 'RELEASED');
  await ask('deleteProject', new OB.DeleteProjectRequest({ id: ids.project }), NO_DATA);
  await assert.rejects(describe(), (error) => error.name === 'ClientError' && error.code === 'GHANA-PROJECT000001');
});

test('all projects of a label start and stop', async () => {
  const started = await ask('startProjectsByLabel', new OB.StartProjectsByLabelRequest({ id: ids.label }));
  assert.deepEqual([started.data.total, started.data.succeedProjectIds, started.data.failedProjectIds], [1, [ids.second], []]);
  const stopped = await ask('stopProjectsByLabel', new OB.StopProjectsByLabelRequest({ id: ids.label }));
  assert.deepEqual(stopped.data.succeedProjectIds, [ids.second]);
  await client.releaseProject(new OB.ReleaseProjectRequest({ id: ids.second }));
  await until('it is RELEASED', () => describe(ids.second), (a) => a.body.data.status === 'RELEASED');
  await client.deleteProject(new OB.DeleteProjectRequest({ id: ids.second }));
});

test('data sources go', async () => {
  for (const side of ['source', 'target', 'oms', 'ob']) {
    await ask('deleteDataSource', new OB.DeleteDataSourceRequest({ id: ids[side] }), NO_DATA);
  }
  const left = await client.listDataSource(new OB.ListDataSourceRequest({ searchKey: stamp }));
  assert.equal(left.body.totalCount, 0);
});

test('what only the cloud has is refused by name', async () => {
  const calls = [
    () => client.createRdsPostgreSQLDataSource(new OB.CreateRdsPostgreSQLDataSourceRequest({ name: 'x', instanceId: 'i', databaseName: 'd', userName: 'u', password: 'eA==' })),
    () => client.listWorkerInstances(new OB.ListWorkerInstancesRequest({ pageNumber: 1 })),
    () => client.releaseWorkerInstance(new OB.ReleaseWorkerInstanceRequest({ id: 'g_1' })),
    () => client.getUploadOssUrl(new OB.GetUploadOssUrlRequest({ type: 'x' })),
  ];
  for (const call of calls) {
    await assert.rejects(call(), (error) => error.name === 'ClientError' && error.code === 'CAUSEWAY-NOTSUP000001');
  }
});
