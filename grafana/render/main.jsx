// Renders the panels of one row of a dashboard with Grafana's components, from the answers of a real Prometheus.
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import { createTheme, dateTime, getDisplayValueAlignmentFactors, getFieldDisplayValues, setTimeZoneResolver, ThemeContext } from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, Table, TimeSeries, VizLegend, VizRepeater } from '@grafana/ui';
import React from 'react';
import { createRoot } from 'react-dom/client';
import { HeatMap, StateTimeline } from './canvas';
import { configured, transformed } from './frames';
import { END, frames, START } from './prometheus';

const query = new URLSearchParams(location.search);
const WIDTH = +query.get('width');
const CELL = 38;
const GAP = 8;
const theme = createTheme({ colors: { mode: 'dark' } });
setTimeZoneResolver(() => 'utc');

const timeRange = { from: dateTime(START), to: dateTime(END), raw: { from: dateTime(START), to: dateTime(END) } };
const identity = (text) => text;

function displayValues(panel, data) {
  const { reduceOptions, graphMode } = panel.options;
  return getFieldDisplayValues({
    fieldConfig: panel.fieldConfig,
    reduceOptions,
    data,
    sparkline: graphMode !== undefined && graphMode !== 'none',
    replaceVariables: identity,
    theme,
    timeZone: 'utc',
  });
}

function Stat({ panel, data, width, height }) {
  const values = displayValues(panel, data);
  const { colorMode, graphMode, justifyMode = 'auto', textMode } = panel.options;
  const value = (one) => (
    <BigValue
      {...{ colorMode, graphMode, justifyMode, textMode, theme }}
      value={{ ...one.value.display, title: values.length > 1 || textMode === 'name' ? one.value.display.title : undefined }}
      sparkline={one.value.sparkline}
      width={one.width}
      height={one.height}
    />
  );
  return <VizRepeater {...{ width, height }} source={values} getValues={() => values} orientation="auto" renderCounter={1} renderValue={value} />;
}

function Bars({ panel, data, width, height }) {
  const values = displayValues(panel, data);
  const { displayMode, orientation, showUnfilled } = panel.options;
  const value = (one) => (
    <BarGauge
      {...{ displayMode, showUnfilled, theme }}
      value={one.value.display}
      field={one.value.field}
      orientation={one.orientation}
      alignmentFactors={one.alignmentFactors}
      namePlacement="auto"
      valueDisplayMode="color"
      width={one.width}
      height={one.height}
      text={{}}
    />
  );
  return <VizRepeater {...{ width, height, orientation }} source={values} getValues={() => values} renderCounter={1} itemSpacing={8} renderValue={value} getAlignmentFactors={(all) => getDisplayValueAlignmentFactors(all)} />;
}

function Body({ panel, data, width, height }) {
  if (!data.length || !data.some((frame) => frame.length)) {
    return <div style={{ display: 'grid', placeItems: 'center', height, color: theme.colors.text.secondary }}>No data</div>;
  }
  const size = { width, height };
  switch (panel.type) {
    case 'timeseries':
      return (
        <TimeSeries {...size} frames={data} timeRange={timeRange} timeZone="utc" legend={panel.options.legend} structureRev={1}>
          {() => null}
        </TimeSeries>
      );
    case 'stat':
      return <Stat {...{ panel, data, width, height }} />;
    case 'bargauge':
      return <Bars {...{ panel, data, width, height }} />;
    case 'table':
      return <Table {...size} data={data[0]} enablePagination={panel.options.footer?.enablePagination} initialSortBy={panel.options.sortBy} timeRange={timeRange} />;
    case 'heatmap':
      return <HeatMap {...size} panel={panel} frames={data} theme={theme} />;
    case 'state-timeline':
      return <StateTimeline {...size} panel={panel} frames={data} theme={theme} />;
    default:
      throw new Error(`no component for panels of type ${panel.type}`);
  }
}

async function load(panel) {
  const found = (await Promise.all(panel.targets.map((target) => frames(target, panel.targets.length === 1)))).flat();
  if (panel.type !== 'table') return configured(panel, found, theme);
  return configured(panel, await transformed(panel, found), theme);
}

// Whoever draws has to know; an image of an error is none of the panel.
function failed(text) {
  fetch('failed', { method: 'POST', body: text });
}

class Shown extends React.Component {
  state = {};

  static getDerivedStateFromError(error) {
    return { error };
  }

  render() {
    const error = this.state.error ?? this.props.error;
    if (!error) return this.props.children;
    failed(`${this.props.title}: ${error.message}`);
    return <pre style={{ color: theme.colors.error.text, whiteSpace: 'pre-wrap' }}>{String(error.stack)}</pre>;
  }
}

function Chrome({ panel, data, top }) {
  const { x, y, w, h } = panel.gridPos;
  const width = (w * WIDTH) / 24 - GAP;
  const height = h * CELL - GAP;
  const place = { position: 'absolute', left: (x * WIDTH) / 24 + GAP / 2, top: (y - top) * CELL + GAP / 2, width, height };
  return (
    <div style={place}>
      <PanelChrome title={panel.title} width={width} height={height}>
        {(inner, innerHeight) => (
          <Shown title={panel.title} error={data instanceof Error ? data : undefined}>
            <Body panel={panel} data={data} width={inner} height={innerHeight} />
          </Shown>
        )}
      </PanelChrome>
    </div>
  );
}

async function main() {
  const model = await (await fetch(query.get('file'))).json();
  let row = '';
  const panels = model.panels.filter((panel) => {
    if (panel.type === 'row') row = panel.title;
    return panel.type !== 'row' && row === query.get('row');
  });
  const data = await Promise.all(panels.map((panel) => load(panel).catch((error) => error)));
  const top = Math.min(...panels.map((panel) => panel.gridPos.y));
  createRoot(document.getElementById('root')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      {panels.map((panel, at) => (
        <Chrome key={panel.id} panel={panel} data={data[at]} top={top} />
      ))}
    </ThemeContext.Provider>
  );
}

main().catch((error) => {
  failed(error.message);
  document.getElementById('root').textContent = String(error.stack);
});
