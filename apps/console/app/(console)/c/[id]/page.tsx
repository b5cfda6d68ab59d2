import { ClusterPage } from '../../../../features/cluster/cluster-page.tsx';

export const metadata = { title: 'Cluster' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <ClusterPage clusterId={id} />;
}
