import { QueriesPage } from '../../../../../features/queries/queries-page.tsx';

export const metadata = { title: 'Queries' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <QueriesPage clusterId={id} />;
}
