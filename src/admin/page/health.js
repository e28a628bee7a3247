// The health of each part, and certificates.

const health = () => {
  const member = ({ name, level, says }) =>
    h(
      'li',
      null,
      icon(level),
      h(
        'div',
        null,
        h('p', { class: 'code' }, name),
        h(
          'p',
          { class: 'quiet' },
          h(
            'span',
            { class: level === 'ok' || level === 'unknown' ? 'unseen' : `word ${level}` },
            `${LEVELS[level].word}: `,
          ),
          said(says),
        ),
      ),
    );
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
    const unit =
      days === null
        ? 'unknown'
        : days < 0
          ? `${Math.abs(days) === 1 ? 'day' : 'days'} over`
          : `${days === 1 ? 'day' : 'days'} left`;
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
        h(
          'dt',
          { class: 'whole with-copy' },
          h('span', null, 'SHA-256'),
          copier(`sha-${purpose}-${sha256}`, sha256, `the SHA-256 fingerprint of ${subject}`),
        ),
        h('dd', { class: 'whole code' }, octets(sha256)),
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
  return h(
    'svg',
    { class: 'elapsed', viewBox: '0 0 100 4', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    h('rect', { class: 'all', width: 100, height: 4 }),
    h('rect', { class: 'over', width: (share * 100).toFixed(1), height: 4 }),
  );
};
