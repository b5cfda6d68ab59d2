import { OperationPage } from '../../../../features/operations/operation-page.tsx';

export const metadata = { title: 'Operation' };

export default async function Page({ params }: { params: Promise<{ operation: string }> }) {
  const { operation } = await params;
  return <OperationPage id={operation} />;
}
