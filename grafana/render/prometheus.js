// Asks Prometheus as Grafana's data source does, and makes data frames of the answers.
import { createDataFrame, FieldType } from '@grafana/data';

const query = new URLSearchParams(location.search);
export const END = +query.get('end') * 1000;
export const START = +query.get('start') * 1000;
const STEP = +query.get('step') * 1000;
const VARIABLES = {
  $__rate_interval: query.get('rate') ?? '1m',
  $__range: `${Math.round((END - START) / 1000)}s`,
  $job: query.get('job') ?? 'pillarscore',
  $instance: query.get('instance') ?? '.*',
  $partition: '.*',
};

const bind = (text) => Object.entries(VARIABLES).reduce((out, [name, value]) => out.split(name).join(value), text);

function legend(format, labels, expression) {
  if (format && format !== '__auto') {
    return format.replace(/{{\s*(\w+)\s*}}/g, (_, name) => labels[name] ?? '');
  }
  const shown = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return shown.length ? `{${shown.join(', ')}}` : expression;
}

async function ask(target) {
  const path = target.instant
    ? `/api/v1/query?time=${END / 1000}`
    : `/api/v1/query_range?start=${START / 1000}&end=${END / 1000}&step=${STEP / 1000}`;
  const answer = await fetch(`${query.get('prometheus')}${path}&query=${encodeURIComponent(bind(target.expr))}`);
  const body = await answer.json();
  if (body.status !== 'success') throw new Error(`${target.expr}: ${body.error}`);
  return body.data.result;
}

function asTable(target, series, alone) {
  const labels = [...new Set(series.flatMap((one) => Object.keys(one.metric)))].sort();
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: series.map(() => END) },
      ...labels.map((name) => ({ name, type: FieldType.string, values: series.map((one) => one.metric[name] ?? '') })),
      { name: alone ? 'Value' : `Value #${target.refId}`, type: FieldType.number, values: series.map((one) => +one.value[1]) },
    ],
  });
}

function asSeries(target, one) {
  const given = new Map((one.values ?? [one.value]).map(([time, value]) => [Math.round(time * 1000), +value]));
  const times = [];
  if (target.instant) times.push(END);
  else for (let time = START; time <= END; time += STEP) times.push(time);
  const values = target.instant ? [...given.values()] : times.map((time) => given.get(time) ?? null);
  const name = legend(target.legendFormat, one.metric, bind(target.expr));
  return createDataFrame({
    refId: target.refId,
    name,
    fields: [
      { name: 'Time', type: FieldType.time, values: times, config: { interval: STEP } },
      { name: 'Value', type: FieldType.number, labels: one.metric, config: { displayNameFromDS: name }, values },
    ],
  });
}

// Buckets count what is below their bound; what is shown is what is in each.
function apart(series) {
  const sorted = [...series].sort((a, b) => parseBound(a.metric.le) - parseBound(b.metric.le));
  const values = (one) => one.values ?? [one.value];
  return sorted.map((one, at) => {
    if (at === 0) return one;
    const below = new Map(values(sorted[at - 1]));
    const own = values(one).map(([time, value]) => [time, String(Math.max(0, value - (below.get(time) ?? 0)))]);
    return one.values ? { ...one, values: own } : { ...one, value: own[0] };
  });
}

export const parseBound = (le) => (le === '+Inf' ? Infinity : +le);

export async function frames(target, alone) {
  let series = await ask(target);
  if (target.format === 'table') return [asTable(target, series, alone)];
  if (target.format === 'heatmap') series = apart(series);
  return series.map((one) => asSeries(target, one));
}
