'use strict';
// Comfort alone: without it the page shows and links the same.
const open = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = target; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
  if (target) target.scrollIntoView({ block: 'nearest' });
};
addEventListener('hashchange', open);
open();
// Arrow keys go from cell to cell of a grid.
const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
document.addEventListener('keydown', (event) => {
  const step = steps[event.key];
  const cell = event.target.closest && event.target.closest('.grid td');
  if (!step || !cell) return;
  const rows = [...cell.closest('tbody').rows];
  const row = rows[rows.indexOf(cell.parentElement) + step[0]];
  const next = row && row.cells[cell.cellIndex + step[1]];
  const link = next && next.querySelector('a');
  if (link) { link.focus(); event.preventDefault(); }
});
