// State timeline and heat map. Grafana's own are part of its panels and not on npm; these draw the same data with its
// chart component, axes, colours and value formats.
import { dateTimeFormat, getDisplayProcessor, getValueFormat, formattedValueToString } from '@grafana/data';
import { UPlotChart, UPlotConfigBuilder } from '@grafana/ui';
import { interpolateOranges } from 'd3-scale-chromatic';
import React from 'react';
import { END, parseBound, START } from './prometheus';

const range = { from: START, to: END };

function builder(theme, labels, size, rows) {
  const made = new UPlotConfigBuilder('utc');
  made.addScale({ scaleKey: 'x', isTime: true, orientation: 0, direction: 1, range: () => [range.from, range.to] });
  made.addScale({ scaleKey: 'y', isTime: false, orientation: 1, direction: 1, range: () => [0, rows] });
  made.addAxis({ scaleKey: 'x', isTime: true, placement: 'bottom', timeZone: 'utc', theme, grid: { show: false } });
  made.addAxis({
    scaleKey: 'y',
    placement: 'left',
    theme,
    size,
    grid: { show: false },
    ticks: { show: false },
    splits: () => labels.map(([at]) => at),
    formatValue: (at) => labels.find(([where]) => where === at)?.[1] ?? '',
  });
  made.addSeries({ scaleKey: 'y', pathBuilder: () => null, pointsBuilder: () => null, show: true, theme, lineWidth: 0 });
  return made;
}

const chart = (config, width, height) => (
  <UPlotChart config={config} data={[[range.from, range.to], [0, 0]]} width={width} height={height} timeRange={range} />
);

export function StateTimeline({ panel, frames, width, height, theme }) {
  const fields = frames.map((frame) => [frame.fields[0].values, frame.fields[1]]);
  const rows = fields.length;
  const names = fields.map(([, field], at) => [rows - at - 0.5, field.config.displayNameFromDS]);
  const longest = Math.max(...names.map(([, name]) => name.length));
  const config = builder(theme, names, Math.min(260, 14 + longest * 6.6), rows);
  config.addHook('draw', (plot) => {
    const { ctx } = plot;
    const step = frames[0].fields[0].config.interval;
    fields.forEach(([times, field], row) => {
      const top = plot.valToPos(rows - row - 0.1, 'y', true);
      const bottom = plot.valToPos(rows - row - 0.9, 'y', true);
      let from = 0;
      for (let at = 1; at <= times.length; at++) {
        if (at < times.length && field.values[at] === field.values[from]) continue;
        if (field.values[from] !== null) {
          const shown = field.display(field.values[from]);
          const left = plot.valToPos(times[from], 'x', true);
          const right = plot.valToPos(Math.min(range.to, times[at - 1] + step), 'x', true);
          ctx.fillStyle = theme.visualization.getColorByName(shown.color);
          ctx.globalAlpha = 0.8;
          ctx.fillRect(left, top, Math.max(1, right - left), bottom - top);
          ctx.globalAlpha = 1;
          if (panel.options.showValue !== 'never' && right - left > ctx.measureText(shown.text).width + 12) {
            ctx.textAlign = 'left';
            ctx.fillStyle = theme.colors.getContrastText(shown.color);
            ctx.textBaseline = 'middle';
            ctx.fillText(shown.text, left + 6, (top + bottom) / 2);
          }
        }
        from = at;
      }
    });
  });
  return chart(config, width, height);
}

export function HeatMap({ panel, frames, width, height, theme }) {
  const rows = frames.length;
  const format = getValueFormat(panel.options.yAxis?.unit ?? 'short');
  const bound = (frame) => parseBound(frame.fields[1].labels.le);
  const every = [1, 2, 5, 10, 20, 50].find((step) => rows / step < 11);
  const text = (le) => (le === Infinity ? '+Inf' : formattedValueToString(format(le)));
  const labels = frames.map((frame, at) => [at + 1, text(bound(frame))]).filter((_, at) => (at + 1) % every === 0);
  const most = Math.max(...frames.flatMap((frame) => frame.fields[1].values.filter((value) => value !== null)));
  const config = builder(theme, labels, 64, rows);
  config.addHook('draw', (plot) => {
    const { bbox, ctx } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    frames.forEach((frame, row) => {
      const top = plot.valToPos(row + 1, 'y', true);
      const bottom = plot.valToPos(row, 'y', true);
      const step = frame.fields[0].config.interval;
      frame.fields[0].values.forEach((time, at) => {
        const value = frame.fields[1].values[at];
        if (!value || value < 1e-9) return;
        const left = plot.valToPos(time - step, 'x', true);
        const right = plot.valToPos(time, 'x', true);
        // as in Grafana's dark theme: the scheme reversed, with the exponent of the panel
        ctx.fillStyle = interpolateOranges(1 - Math.pow(value / most, panel.options.color.exponent ?? 0.5));
        const gap = panel.options.cellGap ?? 1;
        ctx.fillRect(left, top, right - left - gap, Math.max(1, bottom - top - gap));
      });
    });
    ctx.restore();
  });
  return chart(config, width, height);
}
