import { Button } from '@quantadb/ui/primitives/button';
import { Copy } from 'lucide-react';
import { copyText } from '../../lib/copy.ts';

/** What is to be taken elsewhere as it stands, and is too long to be typed. */
export function Copyable({ text }: { text: string }) {
  return (
    <div className="flex flex-col items-end gap-2">
      <pre className="w-full whitespace-pre-wrap break-all rounded-md bg-muted-soft p-3 font-mono text-xs">
        {text}
      </pre>
      <Button icon={<Copy size={14} aria-hidden />} onClick={() => void copyText(text)}>
        Copy
      </Button>
    </div>
  );
}
