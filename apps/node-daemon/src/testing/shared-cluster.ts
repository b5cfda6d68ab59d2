import { afterAll, afterEach, beforeEach } from 'vitest';
import { RealCluster, type RealClusterOptions } from './real-cluster.ts';

/**
 * One cluster for the tests of a file, because forming one takes long: each test finds it healthy, and leaves it so.
 * After a test that failed the next one gets a new cluster.
 *
 * @param names the first founds the cluster, those in `spare` stay outside
 * @returns the cluster of the running test
 */
export function sharedCluster(
  names: string[],
  { spare = [], ...options }: RealClusterOptions & { spare?: string[] } = {},
): () => RealCluster {
  let cluster: RealCluster | null = null;
  const drop = async () => {
    const old = cluster;
    cluster = null;
    await old?.cleanUp();
  };

  beforeEach(async () => {
    if (!cluster) {
      cluster = await RealCluster.create([...names, ...spare], options);
      await cluster.startAll();
      const [first = '', ...others] = names;
      await cluster.form(first, others);
    }
    await cluster.untilHealthy();
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await drop();
  });

  afterAll(drop);

  return () => {
    if (!cluster) throw new Error('there is a cluster only while a test runs');
    return cluster;
  };
}
