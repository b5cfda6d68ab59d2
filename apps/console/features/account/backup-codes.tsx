import { Button } from '@quantadb/ui/primitives/button';

export function BackupCodes({ codes, onDone }: { codes: string[]; onDone(): void }) {
  return (
    <div className="flex flex-col gap-4">
      <p>
        Keep these somewhere safe: they are not shown again. Each signs you in once, instead of a code of the
        app.
      </p>
      <ul
        aria-label="Backup codes"
        className="grid grid-cols-2 gap-1 rounded-md bg-muted-soft p-3 font-mono text-xs"
      >
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <Button tone="primary" onClick={onDone}>
        I have kept them
      </Button>
    </div>
  );
}
