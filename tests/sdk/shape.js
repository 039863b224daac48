'use strict';
/*
 * What an answer must look like, read from the SDK's own models: each class tells its fields' types by types(). Every
 * field must be there with its type, unless the test names it among those that have no value in this situation.
 */

function nameOf(type) {
  return typeof type === 'function' ? type.name : type.type || type;
}

function isScalar(value, type) {
  switch (type) {
    case 'any': return true;
    case 'number': return typeof value === 'number' && Number.isFinite(value);
    default: return typeof value === type;
  }
}

class Shape {
  /* absent: regular expressions over paths like "data.steps[].extraInfo.errorCode" */
  constructor(absent) {
    this.absent = absent;
    this.faults = [];
    this.seen = 0;
  }

  fault(path, text) {
    this.faults.push(`${path}: ${text}`);
  }

  walk(value, type, path) {
    if (value === undefined || value === null) {
      if (!this.absent.some((rule) => rule.test(path))) this.fault(path, `is missing (${nameOf(type)})`);
      return;
    }
    this.seen++;
    if (typeof type === 'function') this.walkModel(value, type, path);
    else if (type.type === 'array') this.walkArray(value, type, path);
    else if (type.type === 'map') this.walkMap(value, type, path);
    else if (!isScalar(value, type)) this.fault(path, `is ${JSON.stringify(value)}, not ${nameOf(type)}`);
  }

  walkModel(value, type, path) {
    if (!(value instanceof type)) {
      this.fault(path, `is not a ${type.name}`);
      return;
    }
    for (const [name, of] of Object.entries(type.types())) this.walk(value[name], of, path === '' ? name : `${path}.${name}`);
  }

  walkArray(value, type, path) {
    if (!Array.isArray(value)) this.fault(path, 'is no array');
    else value.forEach((item) => this.walk(item, type.itemType, `${path}[]`));
  }

  walkMap(value, type, path) {
    if (typeof value !== 'object' || Array.isArray(value)) this.fault(path, 'is no map');
    else for (const [key, item] of Object.entries(value)) this.walk(item, type.valueType, `${path}.${key}`);
  }
}

/*
 * check() - the body of an answer against its model
 *
 * absent: what may have no value; throws with every fault. Returns how many values were looked at.
 */
function check(body, absent = []) {
  const shape = new Shape([/^(errorDetail|code|message|advice)$/, ...absent]);
  shape.walk(body, body.constructor, '');
  if (shape.faults.length > 0) {
    throw new Error(`${body.constructor.name}:\n  ${[...new Set(shape.faults)].join('\n  ')}`);
  }
  return shape.seen;
}

module.exports = { check };
