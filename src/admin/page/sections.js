// What the page consists of. Each part is a function of the state alone.

const OUTCOMES = [
  { key: 'signed_in', kind: 'good', word: 'Signed in' },
  { key: 'refused', kind: 'refused', word: 'Refused' },
  { key: 'locked', kind: 'locked', word: 'Held back' },
  { key: 'unavailable', kind: 'unavailable', word: 'Directory away' },
];

const SECTIONS = [
  ['overview', 'Overview'],
  ['activity', 'Activity'],
  ['health', 'Health'],
  ['certificates', 'Certificates'],
  ['parties', 'Relying parties'],
  ['entra', 'Connect Entra'],
];

const section = (id, title, ...content) =>
  h('section', { id, 'aria-labelledby': `${id}-title`, 'data-key': id }, h('h2', { id: `${id}-title` }, title), content);

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
      h('p', { class: 'brand' }, mark(), h('span', null, 'fedfront'), h('span', { class: 'version' }, state.status.version)),
      h('fieldset', { class: 'theme' }, h('legend', { class: 'unseen' }, 'Colours'), [['auto', 'Auto'], ['light', 'Light'], ['dark', 'Dark']].map(theme)),
    ),
    h('nav', { 'aria-label': 'Sections' }, h('ul', null, SECTIONS.map(([id, word]) => h('li', null, h('a', { href: `#${id}` }, word))))),
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
    h('p', null, h('b', null, 'fedfront no longer answers. '), `What is shown is how it was at ${clockWithSeconds(state.received)}. This page asks again every few seconds.`),
  );

const renewed = () =>
  state.status.version !== state.version &&
  h('div', { class: 'lost renewed', role: 'alert', 'data-key': 'renewed' }, icon('unknown'), h('p', null, `fedfront ${state.status.version} answers now. `, h('a', { href: '' }, 'Load its page'), '.'));

const overview = () => {
  const { status } = state;
  const level = state.lost ? 'unknown' : status.level;
  const problem = ({ level, what, says, section }) =>
    h(
      'li',
      null,
      icon(level),
      h('div', null, h('p', { class: 'what' }, h('b', null, what), h('span', { class: `word ${level}` }, LEVELS[level].word)), h('p', null, said(says))),
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
    status.problems.length > 0 && h('ul', { class: 'problems', 'aria-label': 'What needs attention' }, status.problems.map(problem)),
  );
};

const tile = (word, value, below, level) =>
  h('li', { class: level ? `tile ${level}` : 'tile' }, h('span', { class: 'label' }, word), h('span', { class: 'value' }, value), h('span', { class: 'below' }, below || ''));

const activity = () => {
  const { hour, day, since } = state.status.activity;
  const { guard } = state.status;
  const total = hour.total;
  const share = total.cache_lookups > 0 ? `${Math.round((100 * total.cache_hits) / total.cache_lookups)} %` : '–';
  const locked = guard.locked + guard.locked_from_unknown_places;
  const tiles = [
    tile('Signed in', number(total.signed_in), 'last 60 minutes'),
    tile('Refused', number(total.refused), total.locked > 0 ? `and ${number(total.locked)} held back by the guard` : 'last 60 minutes'),
    tile('Tokens issued', number(total.tokens), 'last 60 minutes'),
    tile('Remembered sign-ins', share, total.cache_lookups > 0 ? `of ${number(total.cache_lookups)}, last 60 minutes` : 'no sign-in in 60 minutes'),
    tile('Locked out now', number(locked), locked > 0 ? `${number(guard.locked_from_unknown_places)} of them from unknown places only` : 'nobody', locked > 0 && 'warning'),
    tile(
      'Password spraying',
      guard.spraying ? 'Under way' : 'None',
      guard.sprays > 0 ? `${counted(guard.sprays, 'spray', 'sprays')} since the start` : 'since the start',
      guard.spraying && 'warning',
    ),
  ];
  return section(
    'activity',
    'Activity',
    h('p', { class: 'lead' }, 'What this process has seen. Counting began ', instant(since), '; other replicas count for themselves.'),
    h('ul', { class: 'tiles' }, tiles),
    h(
      'div',
      { class: 'charts' },
      outcomes('Sign-ins by minute', 'last 60 minutes', hour),
      outcomes('Sign-ins by half-hour', 'last 24 hours', day),
      small('Tokens issued', hour, day, [{ key: 'tokens', kind: 'good', word: 'Tokens' }], number),
      small('Requests forwarded', hour, day, [{ key: 'forwarded', kind: 'good', word: 'Forwarded' }], number, (sum) => counted(sum.forward_errors, 'server error', 'server errors')),
      small('Time to answer, 95 %', hour, day, [{ key: 'forward_ms_95', kind: 'good', word: 'Within' }], millis, (sum) => `half of them within ${millis(sum.forward_ms_50)}`),
    ),
  );
};

const outcomes = (title, period, course) => {
  const told = OUTCOMES.map(({ key, word }) => `${word.toLowerCase()} ${number(course.total[key])}`).join(', ');
  const summary = `${title}, ${period}: ${told}`;
  return h('article', { class: 'card wide' }, h('h3', null, title, h('small', null, period)), legend(OUTCOMES, course.total, number), bars(course, OUTCOMES, summary, number), numbers(course, OUTCOMES, `${title}, ${period}`, number));
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

const health = () => {
  const member = ({ name, level, says }) =>
    h('li', null, icon(level), h('div', null, h('p', { class: 'code' }, name), h('p', { class: 'quiet' }, h('span', { class: level === 'ok' || level === 'unknown' ? 'unseen' : `word ${level}` }, `${LEVELS[level].word}: `), said(says))));
  const part = ({ name, level, says, members }) =>
    h(
      'article',
      { class: `card part ${level}`, 'data-key': name },
      h('h3', null, h('span', null, name), badge(level)),
      h('p', null, said(says)),
      members.length > 0 && h('ul', { class: 'members', 'aria-label': name }, members.map(member)),
    );
  return section('health', 'Health', h('div', { class: 'grid' }, state.status.parts.map(part)));
};

const certificates = () => {
  const one = (certificate) => {
    const { purpose, slot, subject, names, sha256, days_left: days, starts, ends, level, says, key } = certificate;
    const left = days === null ? '–' : number(Math.abs(days));
    const unit = days === null ? 'unknown' : days < 0 ? `${Math.abs(days) === 1 ? 'day' : 'days'} over` : `${days === 1 ? 'day' : 'days'} left`;
    const where = purpose === 'tls' ? slot : SLOTS[slot] || slot;
    const shown = slot === 'previous' ? 'unknown' : level;
    const word = { ok: 'Valid', warning: 'Ends soon', failed: 'Not valid', unknown: 'Previous' }[shown];
    return h(
      'article',
      { class: `card certificate ${shown}`, 'data-key': sha256 + purpose },
      h('h3', null, h('span', null, subject || '(no name)'), badge(shown, word)),
      h('p', { class: 'purpose' }, `${PURPOSES[purpose]}, ${where}`),
      h('div', { class: 'days' }, h('p', { class: 'count' }, h('b', null, left), ` ${unit}`), elapsed(starts, ends)),
      (level !== 'ok' || slot === 'previous') && h('p', null, says),
      h(
        'dl',
        null,
        names.length > 0 && [h('dt', null, 'Names'), h('dd', { class: 'code' }, names.join(', '))],
        ends && [h('dt', null, 'Ends'), h('dd', null, instant(ends))],
        h('dt', null, 'Key'),
        h('dd', null, key),
        h('dt', { class: 'whole with-copy' }, h('span', null, 'SHA-256'), copier(`sha-${purpose}-${sha256}`, sha256, `the SHA-256 fingerprint of ${subject}`)),
        h('dd', { class: 'whole code' }, sha256),
      ),
    );
  };
  return section('certificates', 'Certificates', h('div', { class: 'grid' }, state.status.certificates.map(one)));
};

// How much of a certificate's time is over.
const elapsed = (starts, ends) => {
  if (!starts || !ends) return null;
  const [from, to, now] = [new Date(starts), new Date(ends), new Date(state.status.time)];
  const share = Math.min(1, Math.max(0, (now - from) / (to - from || 1)));
  return h('svg', { class: 'elapsed', viewBox: '0 0 100 4', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, h('rect', { class: 'all', width: 100, height: 4 }), h('rect', { class: 'over', width: (share * 100).toFixed(1), height: 4 }));
};

const parties = () => {
  const { relying_parties: all, endpoints } = state.status;
  const wanted = state.filter.trim().toLowerCase();
  const shown = all.filter(({ name, issuer }) => `${name} ${issuer || ''}`.toLowerCase().includes(wanted));
  const cell = (label, ...content) => h('td', { role: 'cell', 'data-label': label }, h('div', null, content));
  const row = (party) =>
    h(
      'tr',
      { role: 'row', 'data-key': party.name },
      h('th', { role: 'rowheader', scope: 'row' }, party.name),
      cell('Protocols', h('ul', { class: 'chips' }, party.protocols.map((protocol) => h('li', null, PROTOCOLS[protocol] || protocol)))),
      cell('Endpoints', h('ul', { class: 'links' }, party.endpoints.map((key) => h('li', null, h('a', { href: `#endpoint-${key}` }, SHORT_ENDPOINTS[key] || key))))),
      cell('Issuer', party.issuer ? h('span', { class: 'code' }, party.issuer) : 'one for each domain'),
      cell('Signature', SIGNATURES[party.signature] || party.signature, party.weak_signature && badge('warning', 'Old: for parties that know nothing newer')),
    );
  const head = ['Name', 'Protocols', 'Endpoints', 'Issuer', 'Signature'].map((word) => h('th', { role: 'columnheader', scope: 'col' }, word));
  const table = h(
    'table',
    { class: 'parties', role: 'table', 'aria-label': 'Relying parties' },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head)),
    h('tbody', { role: 'rowgroup' }, shown.map(row)),
  );
  const search =
    all.length > 8 &&
    h(
      'p',
      { class: 'search' },
      h('label', { for: 'filter' }, 'Show those with'),
      h('input', { id: 'filter', type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: 'name or issuer' }),
      h('span', { class: 'quiet' }, `${number(shown.length)} of ${number(all.length)}`),
    );
  return section(
    'parties',
    'Relying parties',
    all.length === 0 ? h('p', { class: 'lead' }, 'No relying party is configured.') : h('div', { class: 'card' }, search, table),
    h('h3', { class: 'under' }, 'Endpoints'),
    h('div', { class: 'grid' }, endpoints.map(endpoint)),
  );
};

const address = (key, value, what) => h('li', { class: 'with-copy' }, h('span', { class: 'code' }, value), copier(key, value, what));

const endpoint = ({ key, own, addresses }) => {
  const name = ENDPOINTS[key] || key;
  const one = (value, at) => address(`endpoint-${key}-${at}`, value, `an address of ${name}`);
  const [first, rest] = key === 'sts' ? [addresses.slice(0, 2), addresses.slice(2)] : [addresses.slice(0, 1), addresses.slice(1)];
  return h(
    'article',
    { class: 'card', id: `endpoint-${key}`, 'data-key': key },
    h('h3', null, name),
    h('p', { class: 'quiet' }, own ? 'Answered by fedfront.' : 'Answered by the identity provider.'),
    first.length > 0 && h('ul', { class: 'addresses' }, first.map(one)),
    rest.length > 0 && h('details', null, h('summary', null, counted(rest.length, 'more address', 'more addresses')), h('ul', { class: 'addresses' }, rest.map((value, at) => one(value, at + first.length)))),
  );
};

const entra = () => {
  const all = state.status.entra;
  const setting = (id, name, value) =>
    h(
      'div',
      { class: 'setting' },
      h('dt', null, SETTINGS[name] || name, h('span', { class: 'code quiet' }, name)),
      h('dd', { class: 'with-copy' }, h('span', { class: name.endsWith('ertificate') ? 'code long' : 'code' }, value), copier(`${id}-${name}`, value, SETTINGS[name] || name)),
    );
  const one = ({ domain, federation }, at) => {
    const id = `entra-${at}`;
    const names = [...Object.keys(SETTINGS), ...Object.keys(federation)].filter((name, at, names) => name in federation && names.indexOf(name) === at);
    const protocol = FEDERATIONS[federation.preferredAuthenticationProtocol] || federation.preferredAuthenticationProtocol;
    return h(
      'details',
      { class: 'card domain', open: at === 0, 'data-key': `${domain} ${protocol}` },
      h('summary', null, h('h3', null, domain || 'Every domain', h('small', null, protocol))),
      h('dl', { class: 'settings' }, names.map((name) => setting(id, name, federation[name]))),
      h('p', { class: 'all' }, copier(`${id}-all`, JSON.stringify(federation, null, 2), `all settings of ${domain || 'every domain'} as JSON`), h('span', { class: 'quiet' }, 'All of it as JSON, as Microsoft Graph has it (internalDomainFederation).')),
    );
  };
  return section(
    'entra',
    'Connect Entra',
    h('p', { class: 'lead' }, all.length === 0 ? 'No relying party here is Office 365: there is nothing to tell a tenant.' : 'What the tenant is to be told, by domain. Entra compares the issuer letter for letter.'),
    all.map(one),
  );
};

const footer = () =>
  h('footer', null, h('p', null, 'This page only shows, and asks nobody but this fedfront. '), h('p', null, h('a', { href: 'status.json' }, 'status.json'), h('a', { href: 'metrics' }, 'metrics'), h('a', { href: 'readyz?verbose' }, 'readyz')));

const page = () => [
  header(),
  lost(),
  renewed(),
  h('main', { id: 'main', tabindex: -1, 'data-key': 'main', class: state.lost ? 'stale' : '' }, overview(), activity(), health(), certificates(), parties(), entra()),
  footer(),
];

