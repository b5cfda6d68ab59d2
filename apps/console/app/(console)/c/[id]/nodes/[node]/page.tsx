import { NodePage } from '../../../../../../features/nodes/node-page.tsx';

export const metadata = { title: 'Node' };

export default async function Page({ params }: { params: Promise<{ id: string; node: string }> }) {
  const { id, node } = await params;
  return <NodePage clusterId={id} name={decodeURIComponent(node)} />;
}
