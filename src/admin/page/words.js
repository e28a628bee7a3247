// Words, numbers and instants, as readers have them.

const LEVELS = {
  ok: {
    word: 'Working',
    shape: [
      ['circle', { cx: 8, cy: 8, r: 7 }],
      ['path', { d: 'M4.6 8.3l2.3 2.3 4.5-4.8', class: 'cut' }],
    ],
  },
  unknown: {
    word: 'Not used yet',
    shape: [
      ['circle', { cx: 8, cy: 8, r: 7 }],
      ['path', { d: 'M4.8 8h6.4', class: 'cut' }],
    ],
  },
  warning: {
    word: 'Needs attention',
    shape: [
      ['path', { d: 'M8 .8l7.4 13.6H.6z' }],
      ['path', { d: 'M8 5.6v4M8 11.6v.6', class: 'cut' }],
    ],
  },
  failed: {
    word: 'Not working',
    shape: [
      ['path', { d: 'M4.9.8h6.2l4.1 4.1v6.2l-4.1 4.1H4.9L.8 11.1V4.9z' }],
      ['path', { d: 'M5.4 5.4l5.2 5.2m0-5.2l-5.2 5.2', class: 'cut' }],
    ],
  },
};

const ENDPOINTS = {
  mex: 'WS-Trust metadata (MEX)',
  sts: 'WS-Trust token service (STS)',
  ecp: 'SAML ECP',
  metadata: 'SAML metadata',
  certificate: 'Signing certificate',
  federation_metadata: 'WS-Federation metadata',
};

const SHORT_ENDPOINTS = {
  mex: 'MEX',
  sts: 'STS',
  ecp: 'ECP',
  metadata: 'SAML metadata',
  federation_metadata: 'WS-Federation metadata',
};

const PROTOCOLS = { ws_trust: 'WS-Trust', ecp: 'SAML ECP' };

const SIGNATURES = {
  'rsa-sha256': 'RSA with SHA-256',
  'rsa-sha1': 'RSA with SHA-1',
  'ecdsa-sha256': 'ECDSA with SHA-256',
  'ecdsa-sha384': 'ECDSA with SHA-384',
  'ecdsa-sha512': 'ECDSA with SHA-512',
};

// Microsoft Graph's names, in the order in which a form would have them.
const SETTINGS = {
  issuerUri: 'Issuer',
  passiveSignInUri: 'Sign-in address of browsers',
  activeSignInUri: 'Sign-in address of active clients',
  signOutUri: 'Sign-out address',
  metadataExchangeUri: 'Metadata exchange address (MEX)',
  preferredAuthenticationProtocol: 'Protocol of browsers',
  federatedIdpMfaBehavior: 'Second factor',
  promptLoginBehavior: 'Fresh sign-in',
  signingCertificate: 'Signing certificate',
  nextSigningCertificate: 'Next signing certificate',
};

// Without these Entra takes no domain.
const NEEDED = ['issuerUri', 'passiveSignInUri', 'signOutUri'];

const FEDERATIONS = { wsFed: 'WS-Federation and WS-Trust', saml: 'SAML 2.0 and ECP' };

const PHASES = { starting: 'Starting', ready: 'Ready', draining: 'Draining' };

const PURPOSES = { tls: 'TLS', signing: 'Signing' };

const SLOTS = { current: 'signs now', next: 'signs next', previous: 'signed before' };

const number = (value) => Number(value || 0).toLocaleString('en');

const counted = (value, one, many) => `${number(value)} ${value === 1 ? one : many}`;

const millis = (value) => {
  if (value === null || value === undefined) return '–';
  if (value >= 1000) return `${(value / 1000).toLocaleString('en', { maximumFractionDigits: 1 })} s`;
  return `${value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 })} ms`;
};

const span = (seconds) => {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${counted(days, 'day', 'days')} ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
};

const clock = (date) => date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

const clockWithSeconds = (date) =>
  date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });

const day = (date) => date.toLocaleDateString([], { year: 'numeric', month: 'short', day: 'numeric' });

const instant = (iso) => {
  const date = new Date(iso);
  const today = day(date) === day(new Date());
  return h('time', { datetime: iso, title: iso }, today ? clockWithSeconds(date) : `${day(date)}, ${clock(date)}`);
};

// A text with the instants in it as the reader's clock has them.
const said = (text) => {
  const pieces = text.split(/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/);
  return pieces.map((piece, at) => (at % 2 ? instant(piece) : piece)).filter((piece) => piece !== '');
};

// An address, which is broken before a slash rather than within a word.
const broken = (address) => pieces(address, /(?=\/)/);

// A fingerprint, which is broken between octets.
const octets = (sha256) => pieces(sha256, /(?<=:)/);

const pieces = (text, border) => text.split(border).map((piece, at) => [at > 0 && h('wbr'), piece]);

const icon = (level) => {
  const shape = LEVELS[level].shape.map(([name, attributes]) => h(name, attributes));
  return h('svg', { class: `icon ${level}`, viewBox: '0 0 16 16', 'aria-hidden': 'true' }, shape);
};

const badge = (level, word) =>
  h('span', { class: `badge ${level}` }, icon(level), h('span', null, word || LEVELS[level].word));

const copier = (key, value, what) =>
  h(
    'button',
    {
      type: 'button',
      class: state.copied === key ? 'copy done' : 'copy',
      'data-copy': value,
      'data-copy-key': key,
      'aria-label': `Copy ${what}`,
    },
    state.copied === key ? 'Copied' : 'Copy',
  );
