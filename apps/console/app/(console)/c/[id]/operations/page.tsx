import { OperationsPage } from '../../../../../features/operations/operations-page.tsx';

export const metadata = { title: 'Operations' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <OperationsPage clusterId={id} />;
}
