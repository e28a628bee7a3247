// Small charts: bars for each period, one upon the other. What they show is in a table below each as well.

const BAR = 10;
const HEIGHT = 100;

// The whole number of few digits to end the axis with.
const ceiling = (most) => {
  if (most <= 4) return Math.max(most, 1);
  const unit = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * unit).find((end) => end >= most);
};

const starts = (course, at) => new Date(new Date(course.start).getTime() + at * course.step_seconds * 1000);

const bars = (course, series, summary, format) => {
  const count = course[series[0].key].length;
  const values = (at) => series.map(({ key }) => course[key][at]);
  const known = (at) => values(at).some((value) => value !== null);
  const sum = (at) => values(at).reduce((all, value) => all + (value || 0), 0);
  const periods = [...Array(count).keys()];
  const top = ceiling(Math.max(0, ...periods.map(sum)));
  const began = periods.find(known);
  const columns = periods.map((at) => {
    let below = 0;
    const pieces = series.map(({ key, kind }) => {
      const height = ((course[key][at] || 0) / top) * HEIGHT;
      below += height;
      return (
        height > 0 &&
        h('rect', {
          class: `bar ${kind}`,
          x: at * BAR + 1,
          y: HEIGHT - below,
          width: BAR - 2,
          height: Math.max(height, 0.8),
        })
      );
    });
    const told = series.map(({ key, word }) => `${word} ${format(course[key][at])}`).join(', ');
    const title = known(at)
      ? `${clock(starts(course, at))}: ${told}`
      : `${clock(starts(course, at))}: before the start`;
    return h(
      'g',
      null,
      pieces,
      h('rect', { class: 'hit', x: at * BAR, y: 0, width: BAR, height: HEIGHT }, h('title', null, title)),
    );
  });
  const before = began > 0 && h('rect', { class: 'before', x: 0, y: 0, width: began * BAR, height: HEIGHT });
  const picture = h(
    'svg',
    { viewBox: `0 0 ${count * BAR} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': summary },
    before,
    h('line', { class: 'guide', x1: 0, x2: count * BAR, y1: HEIGHT / 2, y2: HEIGHT / 2 }),
    h('line', { class: 'axis', x1: 0, x2: count * BAR, y1: HEIGHT, y2: HEIGHT }),
    columns,
  );
  const end = starts(course, count);
  return h(
    'div',
    { class: 'chart' },
    h('div', { class: 'scale', 'aria-hidden': 'true' }, h('span', null, format(top)), h('span', null, '0')),
    h('div', { class: 'plot' }, picture),
    h(
      'div',
      { class: 'times', 'aria-hidden': 'true' },
      h('span', null, clock(starts(course, 0))),
      h('span', null, clock(starts(course, count / 2))),
      h('span', null, clock(end)),
    ),
  );
};

const legend = (series, totals, format) =>
  h(
    'ul',
    { class: 'legend' },
    series.map(({ key, kind, word }) =>
      h(
        'li',
        null,
        h('span', { class: `swatch ${kind}`, 'aria-hidden': 'true' }),
        `${word} `,
        h('b', null, format(totals[key])),
      ),
    ),
  );

const numbers = (course, series, what, format) => {
  const periods = [...course[series[0].key].keys()].filter((at) => series.some(({ key }) => course[key][at]));
  const row = (at) =>
    h(
      'tr',
      null,
      h('th', { scope: 'row' }, clock(starts(course, at))),
      series.map(({ key }) => h('td', null, format(course[key][at]))),
    );
  const head = h(
    'tr',
    null,
    h('th', { scope: 'col' }, 'From'),
    series.map(({ word }) => h('th', { scope: 'col' }, word)),
  );
  const table = h(
    'table',
    { class: 'numbers' },
    h('caption', { class: 'unseen' }, what),
    h('thead', null, head),
    h('tbody', null, periods.map(row)),
  );
  return h(
    'details',
    { class: 'as-table' },
    h('summary', null, 'As a table'),
    periods.length > 0
      ? h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': what }, table)
      : h('p', { class: 'quiet' }, 'Nothing in this time.'),
  );
};
