// What happened lately.

const OUTCOMES = [
  { key: 'signed_in', kind: 'good', word: 'Signed in' },
  { key: 'refused', kind: 'refused', word: 'Refused' },
  { key: 'locked', kind: 'locked', word: 'Held back' },
  { key: 'unavailable', kind: 'unavailable', word: 'Directory away' },
];

const tile = (word, value, below, level) =>
  h(
    'li',
    { class: level ? `tile ${level}` : 'tile' },
    h('span', { class: 'label' }, word),
    h('span', { class: 'value' }, value),
    h('span', { class: 'below' }, below || ''),
  );

const activity = () => {
  const { hour, day, since } = state.status.activity;
  const { guard } = state.status;
  const total = hour.total;
  const share = total.cache_lookups > 0 ? `${Math.round((100 * total.cache_hits) / total.cache_lookups)} %` : '–';
  const locked = guard.locked + guard.locked_from_unknown_places;
  const tiles = [
    tile('Signed in', number(total.signed_in), 'last 60 minutes'),
    tile(
      'Refused',
      number(total.refused),
      total.locked > 0 ? `and ${number(total.locked)} held back by the guard` : 'last 60 minutes',
    ),
    tile('Tokens issued', number(total.tokens), 'last 60 minutes'),
    tile(
      'Remembered',
      share,
      total.cache_lookups > 0 ? `of ${number(total.cache_lookups)}, last 60 minutes` : 'no sign-in in 60 minutes',
    ),
    tile(
      'Locked out now',
      number(locked),
      locked > 0 ? `${number(guard.locked_from_unknown_places)} of them from unknown places only` : 'nobody',
      locked > 0 && 'warning',
    ),
    tile(
      'Password spraying',
      guard.spraying ? 'Active' : 'None',
      guard.sprays > 0 ? `${counted(guard.sprays, 'spray', 'sprays')} since the start` : 'since the start',
      guard.spraying && 'warning',
    ),
  ];
  return section(
    'activity',
    'Activity',
    h(
      'p',
      { class: 'lead' },
      'What this process has seen. Counting began ',
      instant(since),
      '; other replicas count for themselves.',
    ),
    h('ul', { class: 'tiles' }, tiles),
    h(
      'div',
      { class: 'charts' },
      outcomes('Sign-ins by minute', 'last 60 minutes', hour),
      outcomes('Sign-ins by half-hour', 'last 24 hours', day),
      small('Tokens issued', hour, day, [{ key: 'tokens', kind: 'good', word: 'Tokens' }], number),
      small('Requests forwarded', hour, day, [{ key: 'forwarded', kind: 'good', word: 'Forwarded' }], number, (sum) =>
        counted(sum.forward_errors, 'server error', 'server errors'),
      ),
      small(
        'Time to answer, 95 %',
        hour,
        day,
        [{ key: 'forward_ms_95', kind: 'good', word: 'Within' }],
        millis,
        (sum) => `half of them within ${millis(sum.forward_ms_50)}`,
      ),
    ),
  );
};

const outcomes = (title, period, course) => {
  const told = OUTCOMES.map(({ key, word }) => `${word.toLowerCase()} ${number(course.total[key])}`).join(', ');
  const summary = `${title}, ${period}: ${told}`;
  return h(
    'article',
    { class: 'card wide' },
    h('h3', null, title, h('small', null, period)),
    legend(OUTCOMES, course.total, number),
    bars(course, OUTCOMES, summary, number),
    numbers(course, OUTCOMES, `${title}, ${period}`, number),
  );
};

const small = (title, hour, day, series, format, more) => {
  const [{ key }] = series;
  const summary = `${title}, last 60 minutes: ${format(hour.total[key])}; last 24 hours: ${format(day.total[key])}`;
  return h(
    'article',
    { class: 'card' },
    h('h3', null, title, h('small', null, 'last 60 minutes')),
    h('p', { class: 'sum' }, h('b', null, format(hour.total[key])), more && h('span', null, more(hour.total))),
    bars(hour, series, summary, format),
    h('p', { class: 'quiet' }, `24 hours: ${format(day.total[key])}`, more && `, ${more(day.total)}`),
    numbers(hour, series, `${title}, by minute, last 60 minutes`, format),
  );
};
