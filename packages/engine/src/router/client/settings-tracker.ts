import type { StatementFacts } from '../classify/facts.ts';
import { isSettingName } from '../classify/setting-name.ts';
import { type SessionSettings, settingsQuestion } from '../server/settings-sync.ts';

/**
 * The settings of one session. Which ones a statement changes is read from its text; what they have become is asked of
 * the server after the transaction, so that a rollback, a savepoint or a default is never guessed at.
 */
export class SettingsTracker {
  /** What every server has to be brought to before it serves the session. */
  current: SessionSettings;
  /** What the server that has just been asked is at; not `current` after a RESET of what the client gave at its start. */
  onServer: SessionSettings;
  private readonly atStart: SessionSettings;
  private readonly touchedNames = new Set<string>();
  private readonly resetNames = new Set<string>();
  private resetsAll = false;
  /** The client has been told of a change that has not been asked for yet: only that server knows what it came to. */
  isOwed = false;
  private asked: string[] = [];
  private askedResets: ReadonlySet<string> = nothing;

  constructor(atStart: SessionSettings) {
    this.atStart = atStart;
    this.current = atStart;
    this.onServer = atStart;
  }

  touched(facts: Pick<StatementFacts, 'settings' | 'resets' | 'resetsAll'>): void {
    for (const name of facts.settings) if (isSettingName(name)) this.touchedNames.add(name);
    for (const name of facts.resets) if (this.atStart.has(name)) this.resetNames.add(name);
    if (facts.resetsAll) {
      this.resetsAll = true;
      for (const name of this.current.keys()) this.touchedNames.add(name);
      for (const name of this.atStart.keys()) this.resetNames.add(name);
    }
  }

  get isTouched(): boolean {
    return this.touchedNames.size > 0 || this.resetsAll;
  }

  /** What has been touched so far is done, and no end of a transaction takes it back. */
  settled(): void {
    if (this.isTouched) this.isOwed = true;
  }

  /** It goes back to what the client gave at its start, which the server does not know yet. */
  isGoingBack(name: string): boolean {
    const key = name.toLowerCase();
    return this.resetNames.has(key) || this.askedResets.has(key);
  }

  get hasResets(): boolean {
    return this.resetNames.size > 0;
  }

  /** What was asked last has to do with such values. */
  get isResetting(): boolean {
    return this.askedResets.size > 0;
  }

  /** What is touched from here on belongs to the next question. */
  question(): Buffer | null {
    this.asked = [...this.touchedNames];
    this.askedResets = new Set(this.resetNames);
    this.touchedNames.clear();
    this.resetNames.clear();
    this.resetsAll = false;
    return this.asked.length === 0 ? null : settingsQuestion(this.asked);
  }

  /** @param values in the order of the question; null: nothing could be learned, and everything stays as it was */
  answered(values: readonly (string | null)[] | null): void {
    const found = new Map(this.current);
    this.asked.forEach((name, index) => {
      const value = values?.[index] ?? null;
      if (value !== null) found.set(name, value);
      else if (values) found.delete(name);
    });
    this.onServer = found;
    this.current = this.askedResets.size === 0 ? found : withStart(found, this.atStart, this.askedResets);
    this.askedResets = nothing;
    this.asked = [];
    this.isOwed = false;
  }
}

const nothing: ReadonlySet<string> = new Set();

/** RESET goes back to what the client gave at its start, which is not the server's own default. */
function withStart(
  found: SessionSettings,
  atStart: SessionSettings,
  names: ReadonlySet<string>,
): SessionSettings {
  const restored = new Map(found);
  for (const name of names) {
    const value = atStart.get(name);
    if (value !== undefined) restored.set(name, value);
  }
  return restored;
}
