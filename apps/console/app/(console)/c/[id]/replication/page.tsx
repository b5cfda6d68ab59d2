import { ReplicationPage } from '../../../../../features/replication/replication-page.tsx';

export const metadata = { title: 'Replication' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <ReplicationPage clusterId={id} />;
}
