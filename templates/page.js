// Sorts and filters tables, and tells the figures under the pointer. The page can be read without it.
'use strict';
(() => {
  const ROWS = 15;
  const make = (name, texts = {}) => Object.assign(document.createElement(name), texts);
  const items = (box) => [...(box.tBodies ? box.tBodies[0].rows : box.children)];

  // A long list shows its first rows, until all are asked for.
  const shorten = (box) => {
    const more = make('button', { type: 'button', className: 'more' });
    const update = () => {
      const filtered = box.dataset.filtered === 'yes';
      const shown = items(box).filter((item) => !item.classList.contains('off'));
      shown.forEach((item, at) => item.classList.toggle('late', !filtered && at >= ROWS));
      more.hidden = filtered || shown.length <= ROWS + 3;
      if (more.hidden) shown.forEach((item) => item.classList.remove('late'));
      const all = box.classList.contains('all');
      more.textContent = all ? `Show the first ${ROWS}` : `Show all ${shown.length}`;
      more.setAttribute('aria-expanded', String(all));
    };
    more.addEventListener('click', () => { box.classList.toggle('all'); update(); });
    (box.closest('.scroll') || box).after(more);
    update();
    return update;
  };

  const filter = (box, update) => {
    const tools = make('div', { className: 'tools' });
    const input = make('input', { type: 'search', placeholder: 'Filter…', autocomplete: 'off' });
    const what = box.closest('section').querySelector('h2').textContent;
    input.setAttribute('aria-label', `Filter ${what}`);
    const told = make('output');
    tools.append(input, told);
    (box.closest('.scroll') || box).before(tools);
    const texts = new Map(items(box).map((item) => [item, item.textContent.toLowerCase()]));
    input.addEventListener('input', () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      for (const [item, text] of texts) {
        const fits = words.every((word) => text.includes(word));
        item.classList.toggle('off', !fits);
        left += fits;
      }
      box.dataset.filtered = words.length ? 'yes' : '';
      told.textContent = words.length ? `${left} of ${texts.size}` : '';
      update();
    });
  };

  const value = (cell) => cell.dataset.v ?? cell.textContent;
  const sort = (table, update) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if ('fixed' in head.dataset) return;
      const number = head.classList.contains('n') || 'n' in head.dataset;
      const button = make('button', { type: 'button' });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => {
        const was = head.getAttribute('aria-sort');
        const up = was ? was === 'descending' : !number;
        heads.forEach((other) => other.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
        const order = (a, b) => (number ? a - b : a.localeCompare(b, 'en', { numeric: true }));
        const keyed = items(table).map((row) => [number ? Number(value(row.cells[column])) : value(row.cells[column]), row]);
        keyed.sort((a, b) => (up ? order(a[0], b[0]) : order(b[0], a[0])));
        table.tBodies[0].append(...keyed.map(([, row]) => row));
        update();
      });
    });
  };

  for (const box of document.querySelectorAll('.sortable, .filterable')) {
    const update = box.id === 'steps' ? () => {} : shorten(box);
    if (box.classList.contains('filterable') && items(box).length > 3) filter(box, update);
    if (box.classList.contains('sortable')) sort(box, update);
  }

  // The figures of a step of time: by pointer, or by arrow keys as of a slider.
  const plot = document.getElementById('plot');
  if (!plot) return;
  const areas = plot.querySelector('.areas');
  const cursor = plot.querySelector('.cursor');
  const readout = document.getElementById('readout');
  const steps = Number(plot.dataset.steps);
  const heads = [...document.querySelectorAll('#steps thead th')].map((head) => head.textContent);
  const rows = new Map([...document.querySelectorAll('#steps tbody tr')].map((row) => [Number(row.dataset.at), row]));
  const known = [...rows.keys()];
  let at = -1;
  const show = (step) => {
    at = Math.max(0, Math.min(steps - 1, step));
    cursor.setAttribute('x', at);
    cursor.setAttribute('visibility', 'visible');
    const row = rows.get(at);
    const parts = row ? [...row.cells].slice(1).map((cell, place) => [Number(cell.dataset.v), `${heads[place + 1]} ${cell.textContent}`]) : [];
    const some = parts.filter(([octets]) => octets > 0).map(([, text]) => text);
    const texts = row ? [row.cells[0].textContent, ...some.slice(-1), ...some.slice(0, -1)] : ['no packets here'];
    readout.replaceChildren(...texts.map((text) => make('span', { textContent: text })));
    areas.setAttribute('aria-valuenow', at);
    areas.setAttribute('aria-valuetext', texts.join(', '));
  };
  readout.hidden = false;
  readout.textContent = 'Point at the chart, or use the arrow keys on it, for the figures of a step.';
  areas.setAttribute('role', 'slider');
  areas.setAttribute('tabindex', '0');
  areas.setAttribute('aria-valuemin', '0');
  areas.setAttribute('aria-valuemax', String(steps - 1));
  areas.setAttribute('aria-valuenow', '0');
  areas.setAttribute('aria-valuetext', 'no step chosen');
  const point = (event) => {
    const box = areas.getBoundingClientRect();
    show(Math.floor(((event.clientX - box.left) / box.width) * steps));
  };
  areas.addEventListener('pointermove', point);
  areas.addEventListener('pointerdown', point);
  areas.addEventListener('keydown', (event) => {
    const next = known.find((step) => step > at) ?? known.at(-1);
    const before = known.findLast((step) => step < at) ?? known[0];
    const to = { ArrowRight: next, ArrowUp: next, ArrowLeft: before, ArrowDown: before, Home: known[0], End: known.at(-1) }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });
})();
