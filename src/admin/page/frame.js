// The frame of the page, and the whole in one sentence. Each part of the page is a function of the state alone.

const SECTIONS = [
  ['overview', 'Overview'],
  ['activity', 'Activity'],
  ['health', 'Health'],
  ['certificates', 'Certificates'],
  ['parties', 'Relying parties'],
  ['entra', 'Connect Entra'],
];

const section = (id, title, ...content) =>
  h(
    'section',
    { id, 'aria-labelledby': `${id}-title`, 'data-key': id },
    h('h2', { id: `${id}-title` }, title),
    content,
  );

const header = () => {
  const theme = ([value, word]) =>
    h(
      'label',
      { class: 'choice' },
      h('input', { type: 'radio', name: 'theme', value, class: 'unseen' }),
      h('span', null, word),
    );
  return h(
    'header',
    { class: 'top' },
    h(
      'div',
      { class: 'masthead' },
      h(
        'p',
        { class: 'brand' },
        mark(),
        h('span', null, 'fedfront'),
        h('span', { class: 'version' }, state.status.version),
      ),
      h(
        'fieldset',
        { class: 'theme' },
        h('legend', { class: 'unseen' }, 'Colours'),
        [
          ['auto', 'Auto'],
          ['light', 'Light'],
          ['dark', 'Dark'],
        ].map(theme),
      ),
    ),
    h(
      'nav',
      { 'aria-label': 'Sections' },
      h(
        'ul',
        null,
        SECTIONS.map(([id, word]) => h('li', null, h('a', { href: `#${id}` }, word))),
      ),
    ),
  );
};

const mark = () =>
  h(
    'svg',
    { class: 'mark', viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    h('path', { d: 'M12 1.8l8.6 3.1v6.3c0 5.2-3.5 9.1-8.6 11-5.1-1.9-8.6-5.8-8.6-11V4.9z' }),
    h('path', { class: 'cut', d: 'M9.2 17V7.6h6M9.2 12h4.6' }),
  );

const lost = () =>
  state.lost &&
  h(
    'div',
    { class: 'lost', role: 'alert', 'data-key': 'lost' },
    icon('failed'),
    h(
      'p',
      null,
      h('b', null, 'fedfront no longer answers. '),
      `What is shown is how it was at ${clockWithSeconds(state.received)}. This page asks again every few seconds.`,
    ),
  );

const renewed = () =>
  state.status.version !== state.version &&
  h(
    'div',
    { class: 'lost renewed', role: 'alert', 'data-key': 'renewed' },
    icon('unknown'),
    h('p', null, `fedfront ${state.status.version} answers now. `, h('a', { href: '' }, 'Load its page'), '.'),
  );

const overview = () => {
  const { status } = state;
  const level = state.lost ? 'unknown' : status.level;
  const problem = ({ level, what, says, section }) =>
    h(
      'li',
      null,
      icon(level),
      h(
        'div',
        null,
        h('p', { class: 'what' }, h('b', null, what), h('span', { class: `word ${level}` }, LEVELS[level].word)),
        h('p', null, said(says)),
      ),
      h('a', { href: `#${section}`, 'aria-label': `More on ${what}` }, 'More'),
    );
  return h(
    'section',
    { id: 'overview', class: `overview ${level}`, 'aria-label': 'Overview', 'data-key': 'overview' },
    h(
      'div',
      { class: 'headline' },
      icon(level),
      h(
        'div',
        null,
        h('h1', null, state.lost ? 'No answer' : status.headline),
        h(
          'p',
          { class: 'facts' },
          h('span', null, status.public_url.replace('https://', '')),
          h('span', null, PHASES[status.phase]),
          h('span', null, `up ${span(status.uptime_seconds)}`),
          h('span', null, `updated ${clockWithSeconds(state.received)}`),
        ),
      ),
    ),
    status.problems.length > 0 &&
      h('ul', { class: 'problems', 'aria-label': 'What needs attention' }, status.problems.map(problem)),
  );
};
