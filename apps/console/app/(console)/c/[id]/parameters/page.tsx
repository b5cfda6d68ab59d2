import { ParametersPage } from '../../../../../features/parameters/parameters-page.tsx';

export const metadata = { title: 'Parameters' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <ParametersPage clusterId={id} />;
}
