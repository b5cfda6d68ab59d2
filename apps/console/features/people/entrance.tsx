import type { FormEvent, ReactNode } from 'react';

/** The frame of the pages one sees before being signed in. */
export function Entrance({
  title,
  lead,
  children,
  onSubmit,
}: {
  title: string;
  lead: string;
  children: ReactNode;
  onSubmit(form: FormData): void;
}) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onSubmit(new FormData(event.currentTarget));
  };
  return (
    <main className="flex min-h-dvh items-center justify-center p-4">
      <form
        onSubmit={submit}
        className="flex w-full max-w-sm flex-col gap-4 rounded-xl border border-line bg-surface p-6"
      >
        <div>
          <p className="font-semibold text-accent text-xs tracking-wide">QuantaDB</p>
          <h1 className="mt-1 font-semibold text-lg">{title}</h1>
          <p className="text-ink-soft">{lead}</p>
        </div>
        {children}
      </form>
    </main>
  );
}
