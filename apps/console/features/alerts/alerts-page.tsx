'use client';

import { ageText } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { classes } from '@quantadb/ui/primitives/classes';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { AcknowledgeDialog, SilenceDialog } from './act-dialogs.tsx';
import { AlertItem } from './alert-item.tsx';
import { ChannelsTab } from './channels-tab.tsx';
import { HistoryTab } from './history-tab.tsx';
import { RulesTab } from './rules-tab.tsx';
import { SilencesTab } from './silences-tab.tsx';
import { useFiringAlerts, useJudging } from './use-alerts.ts';
import { alertsShownMax, countWords, type FiringAlert } from './words.ts';

const tabs = ['firing', 'history', 'rules', 'silences', 'channels'] as const;
const tabWords: Record<(typeof tabs)[number], string> = {
  firing: 'Firing',
  history: 'History',
  rules: 'Rules',
  silences: 'Silences',
  channels: 'Channels',
};

/** What is wrong now, what was, what is watched, and who is told. */
export function AlertsPage() {
  const [tab, setTab] = useQueryState('tab', parseAsStringLiteral(tabs).withDefault('firing'));
  return (
    <>
      <h1 className="font-semibold text-xl">Alerts</h1>
      <nav aria-label="Alerts" className="flex gap-0.5 overflow-x-auto border-line border-b pb-2">
        {tabs.map((each) => (
          <button
            key={each}
            type="button"
            aria-current={each === tab ? 'page' : undefined}
            onClick={() => void setTab(each)}
            className={classes(
              'whitespace-nowrap rounded-md px-2.5 py-1 text-[0.8125rem]',
              each === tab ? 'bg-muted-soft font-medium' : 'text-ink-soft hover:text-ink',
            )}
          >
            {tabWords[each]}
          </button>
        ))}
      </nav>
      {tab === 'firing' ? <FiringTab /> : null}
      {tab === 'history' ? <HistoryTab /> : null}
      {tab === 'rules' ? <RulesTab /> : null}
      {tab === 'silences' ? <SilencesTab /> : null}
      {tab === 'channels' ? <ChannelsTab /> : null}
    </>
  );
}

function FiringTab() {
  const alerts = useFiringAlerts();
  const judging = useJudging();
  const rows = alerts.data ?? [];
  return (
    <>
      {judging.isBehind ? <Failed {...notJudgedWords(judging.ageMs)} /> : null}
      {alerts.isPending ? <Loading label="Loading alerts" /> : null}
      {alerts.error ? <Failed {...problemOf(alerts.error)} onRetry={() => void alerts.refetch()} /> : null}
      {alerts.data && rows.length === 0 && judging.ageMs !== null && !judging.isBehind ? (
        <Panel>
          <Empty title="Nothing fires">
            Every rule was judged {ageText(judging.ageMs)} ago and found nothing.
          </Empty>
        </Panel>
      ) : null}
      <AlertList title={countWords(rows) || 'About to fire'} alerts={rows} />
      {rows.length < alertsShownMax ? null : (
        <p className="text-ink-soft text-xs">
          These are the worst {alertsShownMax}, the newest of each severity first: there may be more.
        </p>
      )}
      <NobodyIsTold />
    </>
  );
}

/** No alert is no good news then. */
function notJudgedWords(ageMs: number | null) {
  const when = ageMs === null ? 'have not been judged yet' : `were last judged ${ageText(ageMs)} ago`;
  return {
    message: `The rules ${when}.`,
    hint: 'What happened since is not known here, and nobody is told of it: the console’s own log says why. The clusters’ pages are live as ever.',
  };
}

/** Somebody who looks here at night should know that nothing else would have called him. */
function NobodyIsTold() {
  const trpc = useTRPC();
  const channels = useQuery(trpc.alertChannels.list.queryOptions({}));
  if (!channels.data || channels.data.some(({ isOn }) => isOn)) return null;
  return (
    <p className="text-ink-soft text-xs">
      Alerts are shown here only: no channel is on, so nobody is called.{' '}
      <Link className="text-accent underline" href="/alerts?tab=channels">
        Channels
      </Link>
    </p>
  );
}

/** Alerts with what can be done about them. */
export function AlertList({ title, alerts }: { title: string; alerts: readonly FiringAlert[] }) {
  const [act, setAct] = useState<{ kind: 'acknowledge' | 'silence'; alert: FiringAlert } | null>(null);
  if (alerts.length === 0 && !act) return null;
  return (
    <>
      <Panel title={title} isFlush>
        <div className="divide-y divide-line">
          {alerts.map((alert) => (
            <AlertItem
              key={alert.id}
              alert={alert}
              onAcknowledge={(chosen) => setAct({ kind: 'acknowledge', alert: chosen })}
              onSilence={(chosen) => setAct({ kind: 'silence', alert: chosen })}
            />
          ))}
        </div>
      </Panel>
      {act?.kind === 'acknowledge' ? (
        <AcknowledgeDialog alert={act.alert} onClose={() => setAct(null)} />
      ) : null}
      {act?.kind === 'silence' ? <SilenceDialog alert={act.alert} onClose={() => setAct(null)} /> : null}
    </>
  );
}
