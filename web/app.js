"use strict";
// Lists projects with their steps by polling the API. The credentials typed in live in `authorization` only.
// Every text from the API goes in as textContent: names of databases are chosen by whoever made them.

const POLL_MS = 2000;
let authorization = null;
let timer = null;

const at = (id) => document.getElementById(id);

function element(tag, text, className) {
  const e = document.createElement(tag);
  if (text !== undefined && text !== null) e.textContent = String(text);
  if (className) e.className = className;
  return e;
}

async function call(action, body) {
  const response = await fetch(`/api/v2?Action=${encodeURIComponent(action)}`, {
    method: "POST",
    credentials: "omit",
    headers: { "Content-Type": "application/json", Authorization: authorization },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (response.status === 401) {
    authorization = null;
    at("login").hidden = false;
  }
  if (!answer.success) throw new Error(`${answer.message} ${answer.advice || ""}`);
  return answer;
}

function count(value) {
  return typeof value === "number" ? Math.round(value).toLocaleString() : "";
}

function lag(step) {
  const info = step.stepInfo;
  if (!info || !info.incrTimestampCheckpoint || !info.checkpointSampleTimestamp) return "";
  return `${Math.max(0, info.checkpointSampleTimestamp - info.incrTimestampCheckpoint)} s behind`;
}

function stepRow(step) {
  const row = element("tr");
  row.append(element("td", step.description));
  row.append(element("td", step.status, step.status));
  const cell = element("td");
  const bar = element("progress");
  bar.max = 100;
  bar.value = step.progress;
  cell.append(bar, ` ${Math.round(step.progress)} %`);
  row.append(cell);
  const info = step.stepInfo || {};
  row.append(element("td", count(info.processedRecords), "number"));
  row.append(element("td", info.dstRps ? `${count(info.dstRps)} rows/s` : lag(step)));
  const details = step.extraInfo.errorDetails || [];
  const advice = details.map((detail) => detail.proposal || "").join(" ");
  row.append(element("td", [step.extraInfo.errorMsg, advice].filter(Boolean).join(" — "), "error"));
  return row;
}

function projectCard(project) {
  const card = element("article");
  card.append(element("span", project.status, `status ${project.status}`));
  card.append(element("h2", project.name), element("span", project.id, "id"));
  const ends = [project.sourceConnectInfo, project.sinkConnectInfo]
    .map((end) => (end ? `${end.endpointName} (${end.dbEngine} ${end.connectionInfo})` : "?"));
  card.append(element("p", ends.join(" → ")));
  const table = element("table");
  const head = element("tr");
  for (const title of ["Step", "Status", "Progress", "Rows", "Speed or lag", "Error"]) {
    head.append(element("th", title));
  }
  table.append(head, ...(project.steps || []).map(stepRow));
  card.append(table);
  return card;
}

async function refresh() {
  try {
    const answer = await call("ListProjects", { pageSize: 50, needRelatedInfo: true });
    at("projects").replaceChildren(...answer.data.map(projectCard));
    at("projects").hidden = false;
    at("login").hidden = true;
    const more = answer.totalCount > answer.data.length ? `, the newest ${answer.data.length} shown` : "";
    at("state").textContent = `${answer.totalCount} projects${more}`;
  } catch (error) {
    at("state").textContent = error.message;
  }
  if (authorization !== null) timer = setTimeout(refresh, POLL_MS);
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const bytes = new TextEncoder().encode(`${at("user").value}:${at("password").value}`);
  authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
  at("password").value = "";
  clearTimeout(timer);
  refresh();
});
