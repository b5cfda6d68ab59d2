/** A sentence with names of settings and commands in it, between backticks as in our documents. */
export function Words({ text }: { text: string }) {
  // Odd pieces lie between two backticks.
  return text.split('`').map((piece, index) =>
    index % 2 === 0 ? (
      piece
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text never move
      <code key={index} className="rounded bg-muted-soft px-1 font-mono text-[0.9em]">
        {piece}
      </code>
    ),
  );
}
