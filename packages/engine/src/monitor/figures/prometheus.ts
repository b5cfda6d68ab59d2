import { Gauge, Registry } from 'prom-client';
import { type NodeFiguresTold, nodeMetricNames, nodeMetrics } from '../../contract/node-metrics.ts';

/** The figures of a node as Prometheus text; one that could not be measured is missing. */
export async function renderFigures(
  told: NodeFiguresTold,
  labels: { cluster: string; node: string },
): Promise<string> {
  const registry = new Registry();
  for (const name of nodeMetricNames) {
    const value = told.figures[name];
    if (value === undefined) continue;
    const options = { name: prometheusName(name), help: nodeMetrics[name], labelNames: ['cluster', 'node'] };
    new Gauge({ ...options, registers: [registry] }).set(labels, value);
  }
  return registry.metrics();
}

/** Units come last, as Prometheus wants them. */
export function prometheusName(name: string): string {
  const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return `quantadb_node_${snake.replace(/_share$/, '_ratio')}`;
}
