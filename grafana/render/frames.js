// What Grafana does with frames before a panel gets them: transformations, and options of fields.
import {
  applyFieldOverrides,
  FieldConfigOptionsRegistry,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

// Some are there under two names.
const TRANSFORMERS = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));
standardTransformersRegistry.setInit(() =>
  [...TRANSFORMERS.values()].map((one) => ({ id: one.id, name: one.name, transformation: one, editor: () => null }))
);

// The panels register these themselves in Grafana, with editors; here a value is what the dashboard says.
const STANDARD = [
  ...['unit', 'min', 'max', 'decimals', 'displayName', 'color', 'thresholds', 'mappings', 'noValue', 'links'],
  ...['filterable', 'description'],
];
const CUSTOM = [
  ...['drawStyle', 'lineInterpolation', 'lineWidth', 'fillOpacity', 'gradientMode', 'showPoints', 'pointSize'],
  ...['spanNulls', 'stacking', 'axisPlacement', 'thresholdsStyle', 'axisLabel', 'scaleDistribution', 'hideFrom'],
  ...['axisCenteredZero', 'barAlignment', 'axisColorMode', 'axisBorderShow', 'cellOptions', 'align', 'inspect', 'width', 'minWidth'],
];

const option = (id, path, isCustom) => ({
  id,
  path,
  name: id,
  isCustom,
  process: (value) => value,
  shouldApply: () => true,
  getItemsCount: () => 0,
  editor: () => null,
  override: () => null,
});

function registry() {
  const made = new FieldConfigOptionsRegistry();
  STANDARD.forEach((name) => made.register(option(name, name, false)));
  CUSTOM.forEach((name) => made.register(option(`custom.${name}`, name, true)));
  return made;
}

const DEFAULTS = {
  timeseries: {
    drawStyle: 'line',
    lineInterpolation: 'linear',
    lineWidth: 1,
    fillOpacity: 0,
    showPoints: 'auto',
    pointSize: 5,
    axisPlacement: 'auto',
    stacking: { mode: 'none', group: 'A' },
    thresholdsStyle: { mode: 'off' },
    scaleDistribution: { type: 'linear' },
    hideFrom: { legend: false, tooltip: false, viz: false },
  },
  table: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false },
};

// JSON has no minus infinity, so the lowest threshold is null there.
function openBelow(thresholds) {
  thresholds?.steps?.forEach((step) => {
    if (step.value === null || step.value === undefined) step.value = -Infinity;
  });
}

export function configured(panel, data, theme) {
  const config = structuredClone(panel.fieldConfig);
  config.defaults.custom = { ...DEFAULTS[panel.type], ...config.defaults.custom };
  config.defaults.color ??= { mode: panel.type === 'timeseries' ? 'palette-classic' : 'thresholds' };
  openBelow(config.defaults.thresholds);
  config.overrides.flatMap((one) => one.properties).forEach((one) => one.id === 'thresholds' && openBelow(one.value));
  return applyFieldOverrides({
    data,
    fieldConfig: config,
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
    fieldConfigRegistry: registry(),
  });
}

export async function transformed(panel, data) {
  const steps = panel.transformations ?? [];
  return steps.length ? lastValueFrom(transformDataFrame(steps, data)) : data;
}
