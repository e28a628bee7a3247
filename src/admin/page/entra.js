// What an Entra tenant is to be told, and the page as a whole.

const entra = () => {
  const all = state.status.entra;
  const setting = (id, name, value) =>
    h(
      'div',
      { class: 'setting' },
      h('dt', null, SETTINGS[name] || name, h('span', { class: 'code quiet' }, name)),
      !value
        ? h('dd', { class: 'quiet' }, 'Not known here: ask the identity provider for it.')
        : h(
            'dd',
            { class: 'with-copy' },
            h(
              'span',
              { class: name.endsWith('ertificate') ? 'code long' : 'code' },
              name.endsWith('ertificate') ? value : broken(value),
            ),
            copier(`${id}-${name}`, value, SETTINGS[name] || name),
          ),
    );
  const one = ({ domain, federation }, at) => {
    const id = `entra-${at}`;
    const names = [...Object.keys(SETTINGS), ...Object.keys(federation)].filter(
      (name, at, names) => (name in federation || NEEDED.includes(name)) && names.indexOf(name) === at,
    );
    const protocol =
      FEDERATIONS[federation.preferredAuthenticationProtocol] || federation.preferredAuthenticationProtocol;
    return h(
      'details',
      { class: 'card domain', open: at === 0, 'data-key': `${domain} ${protocol}` },
      h('summary', null, h('h3', null, domain || 'Every domain', h('small', null, protocol))),
      h(
        'dl',
        { class: 'settings' },
        names.map((name) => setting(id, name, federation[name])),
      ),
      h(
        'p',
        { class: 'all' },
        copier(`${id}-all`, JSON.stringify(federation, null, 2), `all settings of ${domain || 'every domain'} as JSON`),
        h('span', { class: 'quiet' }, 'All of it as JSON, as Microsoft Graph has it (internalDomainFederation).'),
      ),
    );
  };
  return section(
    'entra',
    'Connect Entra',
    h(
      'p',
      { class: 'lead' },
      all.length === 0
        ? 'No relying party here is Office 365: there is nothing to tell a tenant.'
        : 'What the tenant is to be told, by domain. Entra compares the issuer letter for letter.',
    ),
    all.map(one),
  );
};

const footer = () =>
  h(
    'footer',
    null,
    h('p', null, 'This page only shows, and asks nobody but this fedfront. '),
    h(
      'p',
      null,
      h('a', { href: 'status.json' }, 'status.json'),
      h('a', { href: 'metrics' }, 'metrics'),
      h('a', { href: 'readyz?verbose' }, 'readyz'),
    ),
  );

const page = () => [
  header(),
  lost(),
  renewed(),
  h(
    'main',
    { id: 'main', tabindex: -1, 'data-key': 'main', class: state.lost ? 'stale' : '' },
    overview(),
    activity(),
    health(),
    certificates(),
    parties(),
    entra(),
  ),
  footer(),
];
