import type { NoticeKind } from './routing.ts';
import type { Runbook, Severity } from './rule.ts';

/** What is told through channels (pure). It is the body of webhooks: fields may be added, none changes its meaning. */

export interface Message {
  version: 1;
  event: NoticeKind;
  alert: {
    id: string;
    rule: string;
    title: string;
    severity: Severity;
    cluster: string | null;
    clusterId: string | null;
    subject: string;
    sentence: string;
    since: string;
    resolved: string | null;
  };
  runbook: Runbook;
  /** Where it is shown. */
  url: string;
}

const eventWords: Record<NoticeKind, string> = {
  firing: '',
  worse: 'Worse: ',
  escalated: 'Nobody has acknowledged it: ',
  resolved: 'Resolved: ',
  test: 'Test: ',
};

/** One line: `CRITICAL demo: No primary`. */
export function subjectLine({ event, alert }: Message): string {
  const where = alert.cluster ?? 'QuantaDB';
  const severity = event === 'resolved' ? '' : `${alert.severity.toUpperCase()} `;
  const line = `${eventWords[event]}${severity}${where}: ${alert.title}${alert.subject ? ` (${alert.subject})` : ''}`;
  // It becomes the subject of a mail: whatever follows a line's end would be a header of its own.
  return line.replace(/[\r\n]+/g, ' ');
}

export function plainText(message: Message): string {
  const { alert, runbook, url, event } = message;
  const lines = [subjectLine(message), '', alert.sentence, `Since ${alert.since}.`];
  if (event === 'resolved') lines.push(`Resolved ${alert.resolved ?? 'now'}.`);
  else lines.push('', runbook.means, ...runbook.look.map((line) => `- ${line}`), `Next: ${runbook.command}`);
  return `${[...lines, '', url].join('\n')}\n`;
}

/** Slack’s own payload, which Mattermost, Rocket.Chat and others take too. */
export function slackPayload(message: Message): { text: string } {
  const { alert, url } = message;
  return {
    text: `*${escaped(subjectLine(message))}*\n${escaped(alert.sentence)}\n<${url}|Open in QuantaDB>`,
  };
}

/** https://api.slack.com/reference/surfaces/formatting#escaping */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
