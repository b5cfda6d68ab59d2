import { FailoversPage } from '../../../../../features/failovers/failovers-page.tsx';

export const metadata = { title: 'Failovers' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <FailoversPage clusterId={id} />;
}
