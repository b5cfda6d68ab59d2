import { ApiPage } from '../../../features/api-docs/api-page.tsx';

export const metadata = { title: 'API' };

export default function ApiDocsPage() {
  return <ApiPage />;
}
