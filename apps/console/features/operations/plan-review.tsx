import type { Plan } from './intent.ts';

/** What the operation will do, before it does it. */
export function PlanReview({ plan }: { plan: Plan }) {
  return (
    <div className="flex flex-col gap-3">
      <p className="font-medium">{plan.summary}</p>
      {plan.refusal ? (
        <p role="alert" className="rounded-md border border-critical bg-critical-soft p-3 text-critical">
          {plan.refusal}
        </p>
      ) : null}
      <ol className="list-decimal space-y-0.5 pl-5 text-[0.8125rem]">
        {plan.steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-[0.8125rem]">
        <dt className="text-ink-faint">Writes stop</dt>
        <dd>{plan.writePause}</dd>
        <dt className="text-ink-faint">Quorum before</dt>
        <dd>{plan.quorumBefore}</dd>
        <dt className="text-ink-faint">Quorum after</dt>
        <dd>{plan.quorumAfter}</dd>
      </dl>
      {plan.warnings.length > 0 ? (
        <ul className="rounded-md border border-warning bg-warning-soft p-3 text-warning">
          {plan.warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
