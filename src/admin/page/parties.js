// Relying parties and endpoints.

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
      cell(
        'Protocols',
        h(
          'ul',
          { class: 'chips' },
          party.protocols.map((protocol) => h('li', null, PROTOCOLS[protocol] || protocol)),
        ),
      ),
      cell(
        'Endpoints',
        h(
          'ul',
          { class: 'links' },
          party.endpoints.map((key) =>
            h('li', null, h('a', { href: `#endpoint-${key}` }, SHORT_ENDPOINTS[key] || key)),
          ),
        ),
      ),
      cell('Issuer', party.issuer ? h('span', { class: 'code' }, broken(party.issuer)) : 'one for each domain'),
      cell(
        'Signature',
        SIGNATURES[party.signature] || party.signature,
        party.weak_signature && badge('warning', 'Old algorithm'),
      ),
    );
  const head = ['Name', 'Protocols', 'Endpoints', 'Issuer', 'Signature'].map((word) =>
    h('th', { role: 'columnheader', scope: 'col' }, word),
  );
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
      h('input', {
        id: 'filter',
        type: 'search',
        autocomplete: 'off',
        spellcheck: 'false',
        placeholder: 'name or issuer',
      }),
      h('span', { class: 'quiet' }, `${number(shown.length)} of ${number(all.length)}`),
    );
  return section(
    'parties',
    'Relying parties',
    all.length === 0
      ? h('p', { class: 'lead' }, 'No relying party is configured.')
      : h('div', { class: 'card' }, search, table),
    h('h3', { class: 'under' }, 'Endpoints'),
    h('div', { class: 'grid broad' }, endpoints.map(endpoint)),
  );
};

const address = (key, value, what) =>
  h('li', { class: 'with-copy' }, h('span', { class: 'code' }, broken(value)), copier(key, value, what));

const answeredBy = ({ own, shadow }) => {
  if (own) return 'Answered by fedfront.';
  if (!shadow) return 'Answered by the identity provider.';
  const counts = `${number(shadow.compared)} compared, ${number(shadow.different)} of them different`;
  const rest = `${number(shadow.not_compared)} not compared`;
  return `Answered by the identity provider, and compared (shadow). Since the start: ${counts}; ${rest}.`;
};

const endpoint = ({ key, own, shadow, addresses }) => {
  const name = ENDPOINTS[key] || key;
  const one = (value, at) => address(`endpoint-${key}-${at}`, value, `an address of ${name}`);
  const [first, rest] =
    key === 'sts' ? [addresses.slice(0, 2), addresses.slice(2)] : [addresses.slice(0, 1), addresses.slice(1)];
  return h(
    'article',
    { class: 'card', id: `endpoint-${key}`, 'data-key': key },
    h('h3', null, name),
    h('p', { class: 'quiet' }, answeredBy({ own, shadow })),
    first.length > 0 && h('ul', { class: 'addresses' }, first.map(one)),
    rest.length > 0 &&
      h(
        'details',
        null,
        h('summary', null, counted(rest.length, 'more address', 'more addresses')),
        h(
          'ul',
          { class: 'addresses' },
          rest.map((value, at) => one(value, at + first.length)),
        ),
      ),
  );
};
