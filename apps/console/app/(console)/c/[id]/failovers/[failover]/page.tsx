import { FailoverPage } from '../../../../../../features/failovers/failover-page.tsx';

export const metadata = { title: 'Failover' };

export default async function Page({ params }: { params: Promise<{ id: string; failover: string }> }) {
  const { id, failover } = await params;
  return <FailoverPage clusterId={id} failoverId={decodeURIComponent(failover)} />;
}
