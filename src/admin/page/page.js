// What moves: asking for the state, the reader's choices, copying.

const EVERY = 5000;
const PATIENCE = 8000;
const THEME = 'fedfront-theme';
const ICONS = { ok: '%231a7f4b', unknown: '%237a8699', warning: '%23c77700', failed: '%23c62f26' };

const state = { status: null, version: null, received: new Date(), lost: false, copied: null, filter: '' };
let timer = 0;
let asking = false;

const render = () => {
  patch(document.getElementById('app'), page());
  const level = state.lost ? 'failed' : state.status.level;
  const title = `${state.lost ? 'No answer' : state.status.headline} – fedfront`;
  if (document.title !== title) document.title = title;
  const image = `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='${ICONS[level]}'/%3E%3C/svg%3E`;
  const link = document.getElementById('icon');
  if (link.getAttribute('href') !== image) link.setAttribute('href', image);
};

// For those who hear the page.
const announce = (text) => {
  document.getElementById('said').textContent = text;
};

const ask = async () => {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  const abort = new AbortController();
  const limit = setTimeout(() => abort.abort(), PATIENCE);
  const before = state.status.headline;
  try {
    const answer = await fetch('status.json', { cache: 'no-store', credentials: 'omit', signal: abort.signal });
    if (!answer.ok) throw new Error(String(answer.status));
    const status = await answer.json();
    Object.assign(state, { status, received: new Date(), lost: false });
  } catch {
    state.lost = true;
  }
  clearTimeout(limit);
  asking = false;
  render();
  if (state.status.headline !== before) announce(state.status.headline);
  // Who does not look needs nothing new.
  if (!document.hidden) timer = setTimeout(ask, EVERY);
};

const paint = (theme) => {
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
};

// Where storage is forbidden the choice lasts as long as the page.
const remembered = () => {
  try {
    return localStorage.getItem(THEME) || 'auto';
  } catch {
    return 'auto';
  }
};

const remember = (theme) => {
  try {
    localStorage.setItem(THEME, theme);
  } catch {
    // It is as it was.
  }
};

// Browsers give the clipboard to HTTPS and to this machine's own pages; to others only what is selected.
const copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const place = document.createElement('textarea');
    const focused = document.activeElement;
    place.value = text;
    place.className = 'unseen';
    document.body.append(place);
    place.select();
    const done = document.execCommand('copy');
    place.remove();
    if (focused) focused.focus({ preventScroll: true });
    return done;
  }
};

const onClick = async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const key = button.dataset.copyKey;
  const done = await copy(button.dataset.copy);
  announce(done ? 'Copied.' : 'The browser did not copy: select the text instead.');
  if (!done) return;
  state.copied = key;
  render();
  setTimeout(() => {
    if (state.copied !== key) return;
    state.copied = null;
    render();
  }, 2000);
};

const onChange = (event) => {
  if (event.target.name !== 'theme') return;
  remember(event.target.value);
  paint(event.target.value);
};

const onInput = (event) => {
  if (event.target.id !== 'filter') return;
  state.filter = event.target.value;
  render();
};

// What is folded away is on paper, too.
const opened = [];
const unfold = () => {
  for (const details of document.querySelectorAll('details.domain:not([open])')) {
    details.open = true;
    opened.push(details);
  }
};

const fold = () => {
  for (const details of opened.splice(0)) details.open = false;
};

paint(remembered());
document.addEventListener('DOMContentLoaded', () => {
  state.status = JSON.parse(document.getElementById('status').textContent);
  state.version = state.status.version;
  render();
  const chosen = document.querySelector(`input[name="theme"][value="${remembered()}"]`);
  if (chosen) chosen.checked = true;
  document.addEventListener('click', onClick);
  document.addEventListener('change', onChange);
  document.addEventListener('input', onInput);
  addEventListener('beforeprint', unfold);
  addEventListener('afterprint', fold);
  document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : ask()));
  timer = setTimeout(ask, EVERY);
});
