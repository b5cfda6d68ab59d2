/** So many usual distances without a point are no line but a gap. */
const gapFrom = 2.5;

/**
 * The same points with an empty one wherever much more time than usual lies between two (pure): nothing was told then, and a line
 * across it would claim that something was.
 */
export function withGaps<Point extends { atMs: number }>(
  points: readonly Point[],
): (Point | { atMs: number })[] {
  const widths = points.slice(1).map(({ atMs }, index) => atMs - (points[index]?.atMs ?? atMs));
  const usual = [...widths].sort((left, right) => left - right)[Math.floor(widths.length / 2)] ?? 0;
  if (usual <= 0) return [...points];
  return points.flatMap((point, index) => {
    const width = widths[index - 1] ?? 0;
    return width > usual * gapFrom ? [{ atMs: point.atMs - width / 2 }, point] : [point];
  });
}
