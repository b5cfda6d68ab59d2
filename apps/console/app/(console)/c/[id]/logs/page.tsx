import { LogsPage } from '../../../../../features/logs/logs-page.tsx';

export const metadata = { title: 'Logs' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <LogsPage clusterId={id} />;
}
