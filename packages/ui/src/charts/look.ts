/** How every chart looks: colours come from the tokens, so that both themes have them. */

const seriesMax = 6;

export function seriesColour(index: number): string {
  return `var(--series-${(index % seriesMax) + 1})`;
}

export const tickLook = { fill: 'var(--ink-faint)', fontSize: 11 };

export const tooltipLook = {
  background: 'var(--raised)',
  border: '1px solid var(--line)',
  borderRadius: 8,
  color: 'var(--ink)',
  fontSize: 12,
};
