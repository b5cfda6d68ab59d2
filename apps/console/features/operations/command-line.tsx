import { Button } from '@quantadb/ui/primitives/button';
import { copyText } from '../../lib/copy.ts';

/** What does the same at a terminal. */
export function CommandLine({ text }: { text: string }) {
  return (
    <div className="flex items-center justify-between gap-2 rounded-md bg-muted-soft px-3 py-1.5">
      <code className="overflow-x-auto font-mono text-xs">{text}</code>
      <Button tone="quiet" onClick={() => void copyText(text)}>
        Copy as CLI
      </Button>
    </div>
  );
}
