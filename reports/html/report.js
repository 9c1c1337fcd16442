'use strict';
// The list of touchpoints, the ticks of the plan and the theme. Everything that comes from the report becomes text,
// never markup: the page's policy forbids the rest.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const PAGE = 100;
  const LONG = 400;
  // The same characters that the program shows where it writes markup.
  const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
  const visible = (text) =>
    text.replace(HIDDEN, (c) => '⟨U+' + c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0') + '⟩');
  const number = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ',');
  const byId = (id) => document.getElementById(id);

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  // A browser may refuse storage, as for files or in private windows: the page works without it.
  const store = {
    get(key) {
      try { return window.localStorage.getItem('csm-audit:' + key); } catch { return null; }
    },
    set(key, value) {
      try { window.localStorage.setItem('csm-audit:' + key, value); return true; } catch { return false; }
    },
  };

  function theme() {
    const button = byId('theme');
    const names = ['system', 'light', 'dark'];
    let at = Math.max(0, names.indexOf(store.get('theme')));
    const show = () => {
      if (at === 0) delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = names[at];
      button.firstElementChild.textContent = names[at];
    };
    button.addEventListener('click', () => {
      at = (at + 1) % names.length;
      store.set('theme', names[at]);
      show();
    });
    button.hidden = false;
    show();
  }

  function ticks() {
    const boxes = [...document.querySelectorAll('#steps input[type=checkbox]')];
    if (boxes.length === 0) return;
    const key = 'ticks:' + data.key;
    const known = () => {
      try {
        const kept = JSON.parse(store.get(key));
        return Array.isArray(kept) ? kept : [];
      } catch { return []; }
    };
    const tell = () => {
      const done = boxes.filter((box) => box.checked).length;
      byId('ticked').textContent = `${done} of ${boxes.length} steps done.`;
    };
    const kept = store.set('probe', '1');
    byId('tick-note').textContent = kept
      ? 'Ticks are stored in this browser only, for this plan.'
      : 'This browser stores nothing for this page: ticks are lost when the page is closed.';
    const load = () => {
      const done = new Set(known());
      for (const box of boxes) box.checked = done.has(box.dataset.step);
      tell();
    };
    for (const box of boxes) {
      box.addEventListener('change', () => {
        store.set(key, JSON.stringify(boxes.filter((other) => other.checked).map((other) => other.dataset.step)));
        tell();
      });
    }
    window.addEventListener('storage', load);
    load();
  }

  function unfoldForPrint() {
    let folded = [];
    window.addEventListener('beforeprint', () => {
      folded = [...document.querySelectorAll('details:not([open])')];
      for (const fold of folded) fold.open = true;
    });
    window.addEventListener('afterprint', () => {
      for (const fold of folded) fold.open = false;
    });
  }

  function touchpoints() {
    const host = byId('app');
    if (!host) return;
    const words = data.words;
    const rows = data.rows.map((row, at) => ({
      at, file: words[row[0]], root: row[1], line: row[2], app: words[row[3]], kind: words[row[4]],
      access: words[row[5]], sure: words[row[6]], model: words[row[7]], inside: words[row[8]], test: row[9] === 1,
      symbol: row[10], code: row[11], text: null,
    }));
    const sureness = { certain: 0, likely: 1, possible: 2 };
    const by = (...keys) => (a, b) => {
      for (const key of keys) {
        const [x, y] = [key(a), key(b)];
        if (x < y) return -1;
        if (x > y) return 1;
      }
      return a.at - b.at;
    };
    const columns = [
      { id: 'place', title: 'Location', order: by((row) => row.root, (row) => row.file, (row) => row.line) },
      { id: 'kind', title: 'Kind', order: by((row) => row.kind) },
      { id: 'access', title: 'Access', order: by((row) => row.access) },
      { id: 'sure', title: 'Confidence', order: by((row) => sureness[row.sure]) },
      { id: 'code', title: 'Code', order: by((row) => row.inside, (row) => row.code) },
    ];
    const choices = (key) => {
      const counts = new Map();
      for (const row of rows) counts.set(row[key], (counts.get(row[key]) || 0) + 1);
      return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    };
    const selects = [
      { id: 'app', title: 'App', options: choices('app') },
      { id: 'kind', title: 'Kind', options: choices('kind') },
      { id: 'access', title: 'Access', options: choices('access') },
      { id: 'sure', title: 'Confidence', options: choices('sure') },
      { id: 'model', title: 'Model', options: choices('model') },
    ].filter((select) => select.id !== 'model' || select.options.length > 1);

    let state = {};
    let shown = PAGE;
    let matching = rows;
    let printing = false;

    const search = element('input', { type: 'search', id: 'f-q', autocomplete: 'off', spellcheck: 'false' });
    const controls = new Map([['q', search]]);
    const form = element('form', { class: 'filters', role: 'search', 'aria-label': 'Touchpoints' },
      element('label', { class: 'search' }, 'Search files, code, definitions', search));
    for (const select of selects) {
      const control = element('select', { id: 'f-' + select.id }, element('option', { value: '' }, 'all'));
      for (const [value, count] of select.options) {
        const name = visible(value);
        const short = name.length > 80 ? '…' + name.slice(-79) : name;
        control.append(element('option', { value }, `${short} (${number(count)})`));
      }
      controls.set(select.id, control);
      form.append(element('label', {}, select.title, control));
    }
    const tests = element('select', { id: 'f-tests' }, element('option', { value: '' }, 'all'),
      element('option', { value: 'no' }, 'without tests'), element('option', { value: 'only' }, 'tests only'));
    controls.set('tests', tests);
    const clear = element('button', { type: 'button', id: 'clear' }, 'Clear filters');
    form.append(element('label', {}, 'Tests', tests), element('div', {}, clear));

    const found = element('p', { id: 'found', role: 'status' });
    const printed = element('p', { class: 'print-only', id: 'printed' });
    const heads = new Map();
    const headRow = element('tr', { role: 'row' });
    for (const column of columns) {
      const button = element('button', { type: 'button', id: 'sort-' + column.id }, column.title);
      const head = element('th', { role: 'columnheader', scope: 'col', class: 'c-' + column.id }, button);
      button.addEventListener('click', () => {
        const same = (state.sort || 'place') === column.id;
        const down = same && state.dir !== 'down';
        state = { ...state, sort: column.id, dir: down ? 'down' : undefined };
        apply();
      });
      heads.set(column.id, { head, button, title: column.title });
      headRow.append(head);
    }
    const body = element('tbody', { role: 'rowgroup' });
    const table = element('table', { class: 'cards list-of-places', role: 'table', 'aria-labelledby': 'list-head' },
      element('thead', { role: 'rowgroup' }, headRow), body);
    const moreButton = element('button', { type: 'button', id: 'more' });
    const allButton = element('button', { type: 'button', id: 'all' });
    const moreNote = element('span', { class: 'dim' });
    const more = element('div', { class: 'more' }, moreButton, allButton, moreNote);

    const haystack = (row) => row.text ??= [row.file + ':' + row.line, row.kind, row.access, row.sure, row.model,
      row.inside, row.symbol, row.code].join('\n').toLowerCase();

    const encode = (path) => path.split('/').map(encodeURIComponent).join('/');
    function link(row) {
      const root = data.roots[row.root];
      if (!data.url || root === null || root === undefined) return null;
      const base = root.replace(/^\.\//, '').replace(/\/+$/, '');
      const values = { path: encode(row.file), root: base === '.' ? '' : encode(base), line: String(row.line) };
      return data.url.replace(/\{(path|root|line)\}/g, (_, name) => values[name]);
    }

    // A text of any length: the beginning, and all of it on demand.
    function text(value) {
      const shownText = visible(value);
      if (shownText.length <= LONG) return document.createTextNode(shownText);
      const fold = element('details', {}, element('summary', {}, shownText.slice(0, LONG) + '… ',
        element('span', { class: 'dim' }, `(${number(shownText.length)} characters)`)), shownText);
      fold.open = printing;
      return fold;
    }

    function code(row) {
      const line = element('code');
      const at = row.symbol.length > 0 ? row.code.indexOf(row.symbol) : -1;
      const once = at >= 0 && row.symbol.length <= LONG && row.code.indexOf(row.symbol, at + 1) < 0;
      if (once) {
        line.append(visible(row.code.slice(0, at)), element('mark', {}, visible(row.symbol)),
          visible(row.code.slice(at + row.symbol.length)));
      } else {
        line.append(text(row.code));
      }
      const inside = element('span', { class: 'dim' }, 'in ', text(row.inside));
      if (row.model !== data.target) inside.append('; ', text(row.model));
      return [line, inside];
    }

    function line(row) {
      const cell = (label, kind, ...children) =>
        element('td', { role: 'cell', 'data-label': label, class: kind }, ...children);
      const href = link(row);
      const file = visible(row.file);
      const isLong = file.length > LONG;
      const place = [isLong ? '…' + file.slice(-LONG) : file, ':', String(row.line)];
      const where = href ? element('a', { href, rel: 'noreferrer noopener' }, ...place) : element('span', {}, ...place);
      const first = cell('Location', 'where-cell', element('span', { class: 'place' }, where));
      if (isLong) first.append(text(row.file));
      if (row.test) first.append(' ', element('span', { class: 'tag' }, 'test'));
      return element('tr', { role: 'row' }, first, cell('Kind', 'inline', row.kind), cell('Access', 'inline', row.access),
        cell('Confidence', 'inline', row.sure), cell('Code', 'code', ...code(row)));
    }

    function filterText() {
      const parts = [];
      for (const [id, control] of controls) {
        if (control.value) parts.push(`${id === 'q' ? 'search' : id} “${visible(control.value)}”`);
      }
      return parts.join(', ');
    }

    function draw() {
      const limit = printing ? matching.length : Math.min(shown, matching.length);
      body.replaceChildren(...matching.slice(0, limit).map(line));
      const all = matching.length === rows.length;
      found.textContent = (all ? `${number(rows.length)} touchpoints` :
        `${number(matching.length)} of ${number(rows.length)} touchpoints match`) +
        (limit < matching.length ? `; the first ${number(limit)} are shown.` : '.');
      printed.textContent = all ? '' : `Filtered by ${filterText()}: only matches are printed.`;
      const rest = matching.length - limit;
      more.hidden = rest === 0;
      moreButton.textContent = `Show ${number(Math.min(PAGE, rest))} more`;
      allButton.textContent = `Show all ${number(matching.length)}`;
      moreNote.textContent = 'Use the search above, not the browser’s, to search all touchpoints. Printing includes ' +
        'every match.';
    }

    function select() {
      const terms = (state.q || '').toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = selects.map((entry) => entry.id).filter((id) => state[id]);
      matching = rows.filter((row) =>
        wanted.every((id) => row[id] === state[id]) &&
        (state.tests !== 'no' || !row.test) && (state.tests !== 'only' || row.test) &&
        terms.every((term) => haystack(row).includes(term)));
      const column = columns.find((candidate) => candidate.id === state.sort);
      if (column) {
        matching.sort(column.order);
        if (state.dir === 'down') matching.reverse();
      }
      for (const [id, { head, button, title }] of heads) {
        const sorted = (state.sort || 'place') === id;
        if (sorted) head.setAttribute('aria-sort', state.dir === 'down' ? 'descending' : 'ascending');
        else head.removeAttribute('aria-sort');
        button.textContent = title + (sorted ? (state.dir === 'down' ? ' ↓' : ' ↑') : '');
      }
    }

    const KEYS = ['q', ...selects.map((entry) => entry.id), 'tests', 'sort', 'dir'];
    function write() {
      const parameters = new URLSearchParams();
      for (const key of KEYS) if (state[key]) parameters.set(key, state[key]);
      const fragment = parameters.toString();
      // A frame that is shut in may not change its address.
      try {
        history.replaceState(null, '', fragment ? '#' + fragment : location.href.split('#')[0]);
      } catch { /* The filters work nevertheless. */ }
    }

    function apply() {
      shown = PAGE;
      select();
      draw();
      write();
    }

    // Whether the fragment holds a state, rather than the name of a section.
    function read() {
      if (!location.hash.includes('=')) return false;
      const parameters = new URLSearchParams(location.hash.slice(1));
      state = {};
      for (const key of KEYS) {
        const value = parameters.get(key);
        if (value) state[key] = value;
      }
      for (const [id, control] of controls) {
        control.value = state[id] || '';
        // A choice that this report does not have would match nothing, and nobody would see why.
        if (control.value !== (state[id] || '')) { control.value = ''; delete state[id]; }
      }
      return true;
    }

    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', () => {
      for (const [id, control] of controls) state[id] = control.value || undefined;
      apply();
    });
    clear.addEventListener('click', () => {
      for (const control of controls.values()) control.value = '';
      state = {};
      apply();
      search.focus();
    });
    const grow = (count) => {
      const before = Math.min(shown, matching.length);
      shown = count;
      draw();
      // The focus goes on with the first new row, since its button may be gone.
      const next = body.rows[before];
      if (next) { next.tabIndex = -1; next.focus({ preventScroll: true }); }
    };
    moreButton.addEventListener('click', () => grow(shown + PAGE));
    allButton.addEventListener('click', () => grow(matching.length));
    window.addEventListener('hashchange', () => {
      if (!read()) return;
      shown = PAGE;
      select();
      draw();
      const head = byId('list-head');
      head.tabIndex = -1;
      head.focus();
      head.scrollIntoView();
    });
    window.addEventListener('beforeprint', () => { printing = true; draw(); });
    window.addEventListener('afterprint', () => { printing = false; draw(); });

    const deep = read();
    select();
    draw();
    host.append(form, found, printed, table, more);
    host.hidden = false;
    byId('no-script').hidden = true;
    if (deep) byId('list-head').scrollIntoView();
  }

  theme();
  ticks();
  touchpoints();
  unfoldForPrint();
  document.documentElement.dataset.ready = 'yes';
})();
