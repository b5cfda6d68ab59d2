import { FiguresPage } from '../../../../../features/figures/figures-page.tsx';

export const metadata = { title: 'Metrics' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <FiguresPage clusterId={id} />;
}
